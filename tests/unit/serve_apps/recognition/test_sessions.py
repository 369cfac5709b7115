from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from serve_apps.recognition.engine import YunetDlib
from serve_apps.recognition.sessions import Session
from serve_apps.recognition.weights import CannotRun, WeightsError


def graph_of(operator: str, folder: Path, domain: str = "") -> Path:
    """A graph of one node, from bytes to floats."""
    model = helper.make_model(
        helper.make_graph(
            [helper.make_node(operator, ["x"], ["y"], domain=domain, **({"to": 1} if operator == "Cast" else {}))],
            "one_node",
            [helper.make_tensor_value_info("x", TensorProto.UINT8, ["n"])],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n"])],
        ),
        opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("elsewhere", 1)],
        ir_version=8,
    )
    path = folder / "one_node.onnx"
    onnx.save(model, path)
    return path


def test_a_graph_runs_by_its_one_input_and_output(tmp_path: Path) -> None:
    assert Session(graph_of("Cast", tmp_path))(np.array([3, 5], np.uint8)).tolist() == [3.0, 5.0]


@pytest.mark.parametrize("content", [b"", b"damaged" * 100])
def test_a_file_that_is_no_graph_is_one_line_with_its_name(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(content)

    with pytest.raises(CannotRun, match=r"net\.onnx on cpu: ") as caught:
        Session(path)
    assert "\n" not in str(caught.value)


def test_a_graph_with_a_node_that_nothing_here_computes_is_refused_when_it_is_loaded(tmp_path: Path) -> None:
    with pytest.raises(CannotRun, match=r"one_node\.onnx on cpu"):
        Session(graph_of("Unheard", tmp_path, "elsewhere"))


def test_values_that_the_graph_does_not_take_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CannotRun, match=r"one_node\.onnx on cpu"):
        Session(graph_of("Cast", tmp_path))(np.zeros((2, 2), np.uint8))


@pytest.mark.skipif("CUDAExecutionProvider" in onnxruntime.get_available_providers(), reason="CUDA is here")
def test_a_gpu_without_its_package_is_refused_with_the_way_out(weights_folder: Path) -> None:
    with pytest.raises(WeightsError, match=r"DOORBELL_PROVIDER=cuda: .*install onnxruntime-gpu"):
        YunetDlib(weights_folder, provider="cuda")


@pytest.mark.skipif("CUDAExecutionProvider" in onnxruntime.get_available_providers(), reason="CUDA is here")
@pytest.mark.filterwarnings("ignore:Specified provider")
def test_going_on_without_the_gpu_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CUDAExecutionProvider"])

    with pytest.raises(CannotRun, match="finds no GPU that it can use; check the driver with nvidia-smi"):
        Session(graph_of("Cast", tmp_path), "cuda")
