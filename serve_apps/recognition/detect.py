"""Find faces with YuNet (2023mar), run by onnxruntime.

onnxruntime needs 40 % of the time that cv2.FaceDetectorYN takes for the same graph on one thread, and a session
may be shared between threads, which cv2's detector may not. The packaged graph is made for one input size and
planar floats; `cached_graph` rewrites its input to bytes of any size, interleaved, as OpenCV decodes them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import onnxruntime
from numpy.typing import NDArray

from serve_apps.faces import Box, Detection, Image
from serve_apps.recognition.weights import YUNET, cached

STRIDES = (8, 16, 32)
GRAPH_VERSION = 1


@dataclass(frozen=True, slots=True)
class DetectorLimits:
    """`long_side`: pixels a frame is reduced to for detection; `score` and `overlap` as in YuNet's demo.

    384 finds every sample face from 32 pixels of a 640-pixel frame on, bright or dark, and 98 % at 26 pixels; 640
    finds all down to 20, at 2.7 times the cost, but no embedding is of use below 30 (ARCHITECTURE.md has the table).
    """

    long_side: int = 384
    score: float = 0.7
    overlap: float = 0.3
    most_faces: int = 20


def flexible_graph(yunet: bytes) -> bytes:
    """YuNet with the input `image` (1, height, width, 3) uint8 BGR; sides are multiples of 32."""
    import onnx
    from onnx import TensorProto, helper

    model = onnx.load_from_string(yunet)
    graph = model.graph
    planar = graph.input[0].name
    graph.input.pop()
    graph.input.append(helper.make_tensor_value_info("image", TensorProto.UINT8, [1, "height", "width", 3]))
    graph.node.insert(0, helper.make_node("Transpose", ["image"], ["planes"], perm=[0, 3, 1, 2]))
    graph.node.insert(1, helper.make_node("Cast", ["planes"], [planar], to=TensorProto.FLOAT))
    del graph.value_info[:]
    for output in graph.output:
        output.type.tensor_type.shape.dim[1].dim_param = f"{output.name}_cells"
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString(deterministic=True))


def cached_graph(folder: Path) -> Path:
    """The flexible graph's file in `folder`, built when absent or damaged. Raises WeightsError."""
    return cached(folder, f"yunet_v{GRAPH_VERSION}", YUNET, flexible_graph)


def one_thread_session(graph: Path) -> onnxruntime.InferenceSession:
    """A CPU session that never uses a second thread: a replica owns one reserved CPU."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])


class Detector:
    """YuNet on one thread."""

    def __init__(self, graph: Path, limits: DetectorLimits = DetectorLimits()) -> None:
        self._session = one_thread_session(graph)
        self._limits = limits

    def __call__(self, image: Image) -> list[Detection]:
        """Faces of an upright BGR image, best score first, in the image's own pixels."""
        canvas, scale = _reduced(image, self._limits.long_side)
        outputs = self._session.run(None, {"image": canvas[None]})
        found = _decoded(outputs, canvas.shape[1] // STRIDES[0], self._limits.score)
        if not len(found):
            return []
        kept = cv2.dnn.NMSBoxes(found[:, :4].tolist(), found[:, 14].tolist(), self._limits.score, self._limits.overlap)
        best = sorted(np.asarray(kept).ravel(), key=lambda index: -found[index, 14])[: self._limits.most_faces]
        return [_detection(found[index], scale) for index in best]


def _reduced(image: Image, long_side: int) -> tuple[Image, float]:
    """The image scaled down (never up) and padded to multiples of 32, and how many of its pixels one of them is."""
    height, width = image.shape[:2]
    scale = max(1.0, max(height, width) / long_side)
    size = max(1, round(width / scale)), max(1, round(height / scale))
    small = cv2.resize(_halved(image, long_side), size, interpolation=cv2.INTER_LINEAR)
    canvas = np.zeros((-(-size[1] // 32) * 32, -(-size[0] // 32) * 32, 3), np.uint8)
    canvas[: size[1], : size[0]] = small
    return canvas, scale


def _halved(image: Image, long_side: int) -> Image:
    """The image halved while it is at least twice too large: averaging two by two is 30 times as fast in OpenCV as
    averaging by another factor, and linear interpolation alone would skip pixels."""
    while max(image.shape[:2]) >= 2 * long_side and min(image.shape[:2]) > 1:
        height, width = image.shape[0] // 2, image.shape[1] // 2
        halved = cv2.resize(image[: 2 * height, : 2 * width], (width, height), interpolation=cv2.INTER_AREA)
        image = np.asarray(halved, np.uint8)
    return image


def _decoded(outputs: list[NDArray[np.float32]], columns8: int, least_score: float) -> NDArray[np.float32]:
    """Rows of x, y, width, height, ten landmark coordinates, score (YuNet's head, libfacedetection.train)."""
    rows = []
    for level, stride in enumerate(STRIDES):
        cls, obj, boxes, points = (outputs[kind * 3 + level][0] for kind in range(4))
        score = np.sqrt(np.clip(cls[:, 0], 0, 1) * np.clip(obj[:, 0], 0, 1))
        kept = np.flatnonzero(score >= least_score)
        columns = columns8 * STRIDES[0] // stride
        cell = np.stack([kept % columns, kept // columns], axis=1).astype(np.float32)
        size = np.exp(boxes[kept, 2:]) * stride
        corner = (cell + boxes[kept, :2]) * stride - size / 2
        landmarks = (points[kept].reshape(-1, 5, 2) + cell[:, None]) * stride
        rows.append(np.concatenate([corner, size, landmarks.reshape(-1, 10), score[kept, None]], axis=1))
    return np.concatenate(rows)


def _detection(row: NDArray[np.float32], scale: float) -> Detection:
    x, y, width, height = (float(value) * scale for value in row[:4])
    return Detection(Box(x, y, width, height), row[4:14].reshape(5, 2) * scale, float(row[14]))
