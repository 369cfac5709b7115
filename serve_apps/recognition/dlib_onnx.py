"""dlib's face ResNet as an ONNX graph, built from the packaged weights.

The network is that of dlib's examples/dnn_face_recognition_ex.cpp: 29 convolutions, input 150x150 RGB, output
128 numbers. dlib stores layers in forward order; a convolution's filters and biases are one tensor, and so are
an affine layer's gamma and beta. Affine layers and the input's normalisation are folded into the convolutions.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from serve_apps.recognition.weights import DLIB_RESNET, WeightsError, cached

GRAPH_VERSION = 1
"""Part of the cached file's name: raise it whenever this builder gives another graph."""

CHIP_SIZE = 150
RGB_MEAN = (122.782, 117.001, 104.298)
RGB_SCALE = 256.0

Tensor: TypeAlias = NDArray[np.float32]


class _Dat:
    """A reader of dlib's serialised tensors."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._at = 0

    def _integer(self) -> int:
        control = self._content[self._at] if self._at < len(self._content) else 0
        size = control & 0x0F
        if not 0 < size <= 8:
            raise WeightsError(f"dlib weights: byte {self._at} is no integer")
        value = int.from_bytes(self._content[self._at + 1 : self._at + 1 + size], "little")
        self._at += 1 + size
        return -value if control & 0x80 else value

    def tensor_after(self, layer: str) -> Tensor:
        """The next tensor of a layer of that name, flat."""
        name = bytes([1, len(layer)]) + layer.encode()
        found = self._content.find(name, self._at)
        if found < 0:
            raise WeightsError(f"dlib weights: no further layer '{layer}'")
        self._at = found + len(name)
        if layer == "fc_2":
            self._integer(), self._integer()
        if self._integer() != 2:
            raise WeightsError(f"dlib weights: unknown tensor version after '{layer}'")
        count = int(np.prod([self._integer() for _ in range(4)]))
        end = self._at + 4 * count
        if end > len(self._content):
            raise WeightsError(f"dlib weights: the file ends inside '{layer}'")
        values = np.frombuffer(self._content, "<f4", count, self._at)
        self._at = end
        return values


def _convolution(dat: _Dat, inputs: int, outputs: int, kernel: int) -> tuple[Tensor, Tensor]:
    """Filters (outputs, inputs, kernel, kernel) and biases, with the affine layer behind them folded in."""
    flat = dat.tensor_after("con_4").astype(np.float64)
    count = outputs * inputs * kernel * kernel
    if flat.size != count + outputs:
        raise WeightsError(f"dlib weights: a convolution has {flat.size} numbers, expected {count + outputs}")
    filters, biases = flat[:count].reshape(outputs, inputs, kernel, kernel), flat[count:]
    gamma, beta = dat.tensor_after("affine_").astype(np.float64).reshape(2, outputs)
    folded = filters * gamma[:, None, None, None]
    return folded.astype(np.float32), (biases * gamma + beta).astype(np.float32)


def _fold_normalisation(filters: Tensor, biases: Tensor) -> tuple[Tensor, Tensor]:
    """Make the first convolution take bytes 0..255; exact, since it has no padding."""
    scaled = filters.astype(np.float64) / RGB_SCALE
    shift = (scaled * np.array(RGB_MEAN)[None, :, None, None]).sum(axis=(1, 2, 3))
    return scaled.astype(np.float32), (biases - shift).astype(np.float32)


@dataclass
class _Graph:
    """Nodes and constants in the order they are added."""

    nodes: list[Any] = field(default_factory=list)
    constants: list[Any] = field(default_factory=list)
    names: Iterator[int] = field(default_factory=itertools.count)

    def add(self, operator: str, *inputs: str, **attributes: Any) -> str:
        from onnx import helper

        output = f"{operator.lower()}{next(self.names)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [output], **attributes))
        return output

    def constant(self, value: NDArray[np.generic]) -> str:
        from onnx import numpy_helper

        name = f"constant{next(self.names)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def convolve(self, x: str, weights: tuple[Tensor, Tensor], stride: int) -> str:
        kernel = weights[0].shape[2]
        pad = kernel // 2 if stride == 1 else 0
        filters, biases = self.constant(weights[0]), self.constant(weights[1])
        return self.add("Conv", x, filters, biases, kernel_shape=[kernel] * 2, strides=[stride] * 2, pads=[pad] * 4)


@dataclass(frozen=True, slots=True)
class _Block:
    inputs: int
    outputs: int
    down: bool = False
    short: bool = False
    """The convolution's output is one row and one column smaller than the pooled skip path."""


_BLOCKS = (
    *[_Block(32, 32)] * 3,
    _Block(32, 64, down=True),
    *[_Block(64, 64)] * 3,
    _Block(64, 128, down=True),
    *[_Block(128, 128)] * 2,
    _Block(128, 256, down=True, short=True),
    *[_Block(256, 256)] * 2,
    _Block(256, 256, down=True, short=True),
)


def _residual(graph: _Graph, dat: _Dat, x: str, block: _Block) -> str:
    first = _convolution(dat, block.inputs, block.outputs, 3)
    second = _convolution(dat, block.outputs, block.outputs, 3)
    y = graph.add("Relu", graph.convolve(x, first, 2 if block.down else 1))
    y = graph.convolve(y, second, 1)
    if block.short:
        y = graph.add("Pad", y, graph.constant(np.array([0, 0, 0, 0, 0, 0, 1, 1])))
    if block.down:
        x = graph.add("AveragePool", x, kernel_shape=[2, 2], strides=[2, 2])
    if block.outputs > block.inputs:
        x = graph.add("Pad", x, graph.constant(np.array([0, 0, 0, 0, 0, block.outputs - block.inputs, 0, 0])))
    return graph.add("Relu", graph.add("Add", x, y))


def build(dat: bytes) -> bytes:
    """The serialised ONNX model: `chips` (N,150,150,3 uint8 RGB) to `embeddings` (N,128 float32).

    Raises WeightsError when the bytes are not that network's.
    """
    import onnx
    from onnx import TensorProto, helper

    reader, graph = _Dat(dat), _Graph()
    x = graph.add("Cast", graph.add("Transpose", "chips", perm=[0, 3, 1, 2]), to=TensorProto.FLOAT)
    stem = _fold_normalisation(*_convolution(reader, 3, 32, 7))
    x = graph.add("Relu", graph.convolve(x, stem, 2))
    x = graph.add("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2])
    for block in _BLOCKS:
        x = _residual(graph, reader, x, block)
    x = graph.add("Flatten", graph.add("GlobalAveragePool", x))
    dense = reader.tensor_after("fc_2").reshape(256, 128)
    graph.nodes.append(helper.make_node("MatMul", [x, graph.constant(dense)], ["embeddings"]))
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "dlib_face_resnet_v1",
            [helper.make_tensor_value_info("chips", TensorProto.UINT8, ["n", CHIP_SIZE, CHIP_SIZE, 3])],
            [helper.make_tensor_value_info("embeddings", TensorProto.FLOAT, ["n", 128])],
            graph.constants,
        ),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
    )
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString(deterministic=True))


def cached_graph(folder: Path) -> Path:
    """The graph's file in `folder`, built when absent or damaged. Raises WeightsError."""
    return cached(folder, f"dlib_face_resnet_v{GRAPH_VERSION}", DLIB_RESNET, build)
