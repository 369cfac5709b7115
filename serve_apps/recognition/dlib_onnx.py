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

from serve_apps.recognition.weights import DLIB_RESNET, WeightsError, WeightSource, cached

GRAPH_VERSION = 2
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

    def add(self, operator: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        from onnx import helper

        output = output or f"{operator.lower()}{next(self.names)}"
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

    def take(self, x: str, places: NDArray[np.int64]) -> str:
        """Rows of x (N, rows, channels) by number; the number behind the last row takes zeros."""
        x = self.add("Pad", x, self.constant(np.array([0, 0, 0, 0, 1, 0])))
        return self.add("Gather", x, self.constant(places), axis=1)

    def slide(self, x: str, side: int, stride: int, pad: int, weights: tuple[Tensor, Tensor]) -> str:
        """A 3x3 convolution of rows (N, side * side, channels), as one matrix product.

        What the kernel has beyond the image at every place is left out.
        """
        filters, biases = weights
        outputs, inputs = filters.shape[:2]
        places = windows(side, 3, stride, pad)
        used = (places < side * side).any(axis=0)
        matrix = filters.transpose(2, 3, 1, 0).reshape(9, inputs, outputs)[used].reshape(-1, outputs)
        flat = self.add("Reshape", self.take(x, places[:, used]), self.constant(np.array([-1, len(matrix)])))
        y = self.add("Add", self.add("MatMul", flat, self.constant(matrix)), self.constant(biases))
        return self.add("Reshape", y, self.constant(np.array([-1, len(places), outputs])))


@dataclass(frozen=True, slots=True)
class _Block:
    inputs: int
    outputs: int
    down: bool = False


_PLANES = (
    *[_Block(32, 32)] * 3,
    _Block(32, 64, down=True),
    *[_Block(64, 64)] * 3,
    _Block(64, 128, down=True),
    *[_Block(128, 128)] * 2,
)
"""Blocks on 35, 17 and 8 rows of pixels, as convolutions: onnxruntime's reach the processor's peak there."""

_ROWS = (_Block(128, 256, down=True), *[_Block(256, 256)] * 2, _Block(256, 256, down=True))
"""Blocks on 8 and 4 rows of pixels, as matrix products: a convolution reads its filters again for each row of
pixels, and those of 256 channels (2.4 MB) lie outside the cache of a core."""


def _block(graph: _Graph, dat: _Dat, x: str, block: _Block) -> str:
    """A residual block on planes (N, channels, side, side)."""
    first = _convolution(dat, block.inputs, block.outputs, 3)
    second = _convolution(dat, block.outputs, block.outputs, 3)
    y = graph.add("Relu", graph.convolve(x, first, 2 if block.down else 1))
    y = graph.convolve(y, second, 1)
    if block.down:
        x = graph.add("AveragePool", x, kernel_shape=[2, 2], strides=[2, 2])
    if block.outputs > block.inputs:  # a convolution, not Pad: that would leave onnxruntime's blocked layout
        wider = np.eye(block.outputs, block.inputs, dtype=np.float32)[:, :, None, None]
        x = graph.convolve(x, (wider, np.zeros(block.outputs, np.float32)), 1)
    return graph.add("Relu", graph.add("Add", x, y))


def _row_block(graph: _Graph, dat: _Dat, x: str, side: int, block: _Block) -> str:
    """A residual block on rows (N, side * side, channels).

    A convolution that goes down gives one row and one column less than the pooled skip path: they are zeros.
    """
    first = _convolution(dat, block.inputs, block.outputs, 3)
    second = _convolution(dat, block.outputs, block.outputs, 3)
    if not block.down:
        y = graph.add("Relu", graph.slide(x, side, 1, 1, first))
        return graph.add("Relu", graph.add("Add", x, graph.slide(y, side, 1, 1, second)))
    less = side // 2 - 1
    y = graph.add("Relu", graph.slide(x, side, 2, 0, first))
    y = graph.slide(y, less, 1, 1, second)
    y = graph.take(y, np.pad(np.arange(less * less).reshape(less, less), (0, 1), constant_values=less * less).ravel())
    x = graph.add("ReduceMean", graph.take(x, windows(side, 2, 2, 0)), axes=[2], keepdims=0)
    if block.outputs > block.inputs:
        x = graph.add("Pad", x, graph.constant(np.array([0, 0, 0, 0, 0, block.outputs - block.inputs])))
    return graph.add("Relu", graph.add("Add", x, y))


def windows(side: int, kernel: int, stride: int, pad: int) -> NDArray[np.int64]:
    """For each place of a kernel on a square of `side` * `side` pixels, the pixels under it; `side` * `side`: none."""
    square = np.pad(np.arange(side * side).reshape(side, side), pad, constant_values=side * side)
    places = np.lib.stride_tricks.sliding_window_view(square, (kernel, kernel))[::stride, ::stride]
    return np.ascontiguousarray(places.reshape(-1, kernel * kernel), np.int64)


def _network(graph: _Graph, dat: _Dat) -> None:
    x = graph.add("Cast", graph.add("Transpose", "chips", perm=[0, 3, 1, 2]), to=1)
    x = graph.add("Relu", graph.convolve(x, _fold_normalisation(*_convolution(dat, 3, 32, 7)), 2))
    x = graph.add("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2])
    for block in _PLANES:
        x = _block(graph, dat, x, block)
    x = graph.add("Reshape", x, graph.constant(np.array([0, 0, -1])))
    x = graph.add("Transpose", x, perm=[0, 2, 1])
    side = 8
    for block in _ROWS:
        x = _row_block(graph, dat, x, side, block)
        side //= 1 + block.down
    x = graph.add("ReduceMean", x, axes=[1], keepdims=0)
    dense = dat.tensor_after("fc_2").reshape(256, 128)
    graph.add("MatMul", x, graph.constant(dense), output="embeddings")


def build(dat: bytes) -> bytes:
    """The serialised ONNX model: `chips` (N,150,150,3 uint8 RGB) to `embeddings` (N,128 float32).

    Raises WeightsError when the bytes are not that network's.
    """
    import onnx
    from onnx import TensorProto, helper

    graph = _Graph()
    _network(graph, _Dat(dat))
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


def cached_graph(folder: Path, source: WeightSource = DLIB_RESNET) -> Path:
    """The graph's file in `folder`, built when absent or damaged. Raises WeightsError."""
    return cached(folder, f"dlib_face_resnet_v{GRAPH_VERSION}", source, build)
