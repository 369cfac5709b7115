"""Other ways to run a graph than the application's; the application depends on none of them."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from serve_apps.recognition.sessions import Run, Session

OPSET = 17
"""ONNX knows a scale for each channel from 13 on."""


class CannotTry(Exception):
    """Why a backend is not measured here."""


def openvino(graph: Path, shape: tuple[int, ...], precision: str) -> Run:
    """OpenVINO on one thread, for inputs of one shape; `precision` is f32 or bf16. Raises CannotTry."""
    if find_spec("openvino") is None:
        raise CannotTry("openvino is not installed")
    core: Any = import_module("openvino").Core()
    if precision == "bf16" and "BF16" not in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        raise CannotTry("this processor has no bf16")
    model = core.read_model(graph)
    model.reshape(list(shape))
    options = {"INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1, "INFERENCE_PRECISION_HINT": precision}
    request = core.compile_model(model, "CPU", options).create_infer_request()

    def run(values: NDArray[np.uint8]) -> NDArray[np.float32]:
        each = [request.infer([values[n : n + 1]])[0].copy() for n in range(len(values))]
        return np.concatenate(each)

    return run


def int8(graph: Path, samples: Sequence[NDArray[np.uint8]], folder: Path) -> Run:
    """onnxruntime with 8-bit weights and activations, a scale for each channel, by the ranges that `samples` take."""
    import onnx
    from onnx import version_converter
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    name = Session(graph).input_name

    class Samples(CalibrationDataReader):  # type: ignore[misc]  # onnxruntime has no types
        def __init__(self) -> None:
            self._left = iter(samples)

        def get_next(self) -> dict[str, NDArray[np.uint8]] | None:
            sample = next(self._left, None)
            return None if sample is None else {name: sample}

    path = folder / graph.name
    model = version_converter.convert_version(onnx.load(graph), OPSET)
    logging.getLogger().setLevel(logging.ERROR)  # it advises steps that change nothing here
    quantize_static(
        model,
        path,
        Samples(),
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
    )
    return Session(path)
