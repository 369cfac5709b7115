"""Find faces with YuNet (2023mar), run by onnxruntime.

onnxruntime needs 40 % of the time that cv2.FaceDetectorYN takes for the same graph on one thread, and a session
may be shared between threads, which cv2's detector may not. The packaged graph is made for one input size and floats;
`cached_graph` rewrites its input to bytes of any size, and its twelve small heads to three.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from serve_apps.faces import Box, Detection, Image
from serve_apps.recognition.sessions import Run
from serve_apps.recognition.weights import YUNET, WeightSource, cached

STRIDES = (8, 16, 32)
GRAPH_VERSION = 2
HEAD = "bbox_head.multi_level_"
HEADS: dict[str, int] = {"cls": 1, "obj": 1, "bbox": 4, "kps": 10}
"""Channels of each of YuNet's heads, in the order of the joined one."""

POINTWISE: dict[str, Any] = {}
DEPTHWISE: dict[str, Any] = {"group": sum(HEADS.values()), "pads": [1] * 4}


@dataclass(frozen=True, slots=True)
class DetectorLimits:
    """`long_side`: pixels a frame is reduced to for detection; `score` and `overlap` as in YuNet's demo.

    384 finds every sample face from 32 pixels of a 640-pixel frame on, bright or dark, 99 % at 26 and 85 % at 20
    pixels, where 320 finds 54 %; 640 finds all, at 2.6 times the cost. `doorbell bench recall` prints the table.
    """

    long_side: int = 384
    score: float = 0.7
    overlap: float = 0.3
    most_faces: int = 20


def flexible_graph(yunet: bytes) -> bytes:
    """YuNet from `planes` (1, 3, height, width) uint8 blue, green, red, to `cells` (cells, 16) float32.

    Sides are multiples of 32. A cell has the logits of class and object, then box (4) and landmarks (10); cells come
    row by row, stride 8 before 16 before 32.
    """
    import onnx
    from onnx import TensorProto, helper

    model = onnx.load_from_string(yunet)
    graph = model.graph
    planar = graph.input[0].name
    del graph.input[:], graph.output[:], graph.value_info[:]
    _join_heads(graph)
    graph.node.insert(0, helper.make_node("Cast", ["planes"], [planar], to=TensorProto.FLOAT))
    graph.input.append(helper.make_tensor_value_info("planes", TensorProto.UINT8, [1, 3, "height", "width"]))
    graph.output.append(helper.make_tensor_value_info("cells", TensorProto.FLOAT, ["cells", sum(HEADS.values())]))
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString(deterministic=True))


def _join_heads(graph: Any) -> None:
    """Make the four heads of a level one of 16 channels, which is what onnxruntime computes at a time anyway."""
    from onnx import helper, numpy_helper

    weights = {each.name: numpy_helper.to_array(each) for each in graph.initializer}
    head = {node.input[1]: node for node in graph.node if len(node.input) > 1 and node.input[1].startswith(HEAD)}
    body = itertools.takewhile(lambda node: len(node.input) < 2 or node.input[1] not in head, list(graph.node))
    nodes, levels = list(body), []
    for level, stride in enumerate(STRIDES):
        x = head[f"{HEAD}cls.{level}.conv1.weight"].input[0]
        for conv, settings in (("conv1", POINTWISE), ("conv2", DEPTHWISE)):
            names = [f"head_{stride}_{conv}_{part}" for part in ("weight", "bias")]
            for name, part in zip(names, ("weight", "bias"), strict=True):
                each = [weights[f"{HEAD}{kind}.{level}.{conv}.{part}"] for kind in HEADS]
                graph.initializer.append(numpy_helper.from_array(np.concatenate(each), name))
            y = f"head_{stride}_{conv}"
            nodes.append(helper.make_node("Conv", [x, *names], [y], **settings))
            x = y
        nodes.append(helper.make_node("Transpose", [x], [f"pixels_{stride}"], perm=[0, 2, 3, 1]))
        nodes.append(helper.make_node("Reshape", [f"pixels_{stride}", "rows"], [f"cells_{stride}"]))
        levels.append(f"cells_{stride}")
    nodes.append(helper.make_node("Concat", levels, ["cells"], axis=0))
    graph.initializer.append(numpy_helper.from_array(np.array([-1, sum(HEADS.values())]), "rows"))
    del graph.node[:]
    graph.node.extend(nodes)
    used = {name for node in nodes for name in node.input}
    kept = [each for each in graph.initializer if each.name in used]
    del graph.initializer[:]
    graph.initializer.extend(kept)


def cached_graph(folder: Path, source: WeightSource = YUNET) -> Path:
    """The flexible graph's file in `folder`, built when absent or damaged. Raises WeightsError."""
    return cached(folder, f"yunet_v{GRAPH_VERSION}", source, flexible_graph)


class Detector:
    """YuNet, whoever runs its graph."""

    def __init__(self, run: Run, limits: DetectorLimits = DetectorLimits()) -> None:
        """`run` is the graph of `cached_graph`."""
        self._run = run
        self.limits = limits

    def __call__(self, image: Image) -> list[Detection]:
        """Faces of an upright BGR image, best score first, in the image's own pixels. Raises CannotRun."""
        canvas, scale = planes(image, self.limits.long_side)
        found = _decoded(self._run(canvas), canvas.shape[2:], self.limits.score)
        if not len(found):
            return []
        kept = cv2.dnn.NMSBoxes(found[:, :4].tolist(), found[:, 14].tolist(), self.limits.score, self.limits.overlap)
        best = sorted(np.asarray(kept).ravel(), key=lambda index: -found[index, 14])[: self.limits.most_faces]
        return [_detection(found[index], scale) for index in best]


def planes(image: Image, long_side: int) -> tuple[NDArray[np.uint8], float]:
    """The image scaled down (never up), as planes with sides of multiples of 32, and how many of its pixels one is."""
    height, width = image.shape[:2]
    scale = max(1.0, max(height, width) / long_side)
    across, down = max(1, round(width / scale)), max(1, round(height / scale))
    small = cv2.resize(_halved(image, long_side), (across, down), interpolation=cv2.INTER_LINEAR)
    canvas = np.zeros((1, 3, -(-down // 32) * 32, -(-across // 32) * 32), np.uint8)
    cv2.split(small, [plane[:down, :across] for plane in canvas[0]])
    return canvas, scale


def _halved(image: Image, long_side: int) -> Image:
    """The image halved while it is at least twice too large: averaging two by two is 30 times as fast in OpenCV as
    averaging by another factor, and linear interpolation alone would skip pixels."""
    while max(image.shape[:2]) >= 2 * long_side and min(image.shape[:2]) > 1:
        height, width = image.shape[0] // 2, image.shape[1] // 2
        halved = cv2.resize(image[: 2 * height, : 2 * width], (width, height), interpolation=cv2.INTER_AREA)
        image = np.asarray(halved, np.uint8)
    return image


def _decoded(cells: NDArray[np.float32], size: tuple[int, ...], least_score: float) -> NDArray[np.float32]:
    """Rows of x, y, width, height, ten landmark coordinates, score (YuNet's head, libfacedetection.train)."""
    least = least_score**2  # of either probability: the score is the root of their product
    kept = np.flatnonzero(np.minimum(cells[:, 0], cells[:, 1]) >= math.log(least / (1 - least)))
    probability = 1 / (1 + np.exp(-cells[kept, :2]))
    score = np.sqrt(probability[:, 0] * probability[:, 1])
    kept, score = kept[score >= least_score], score[score >= least_score]
    place, stride = _grid(*size)
    place, stride, found = place[kept], stride[kept, None], cells[kept]
    extent = np.exp(found[:, 4:6]) * stride
    corner = (place + found[:, 2:4]) * stride - extent / 2
    landmarks = (found[:, 6:].reshape(-1, 5, 2) + place[:, None]) * stride[:, None]
    return np.concatenate([corner, extent, landmarks.reshape(-1, 10), score[:, None]], axis=1)


@lru_cache(maxsize=16)
def _grid(height: int, width: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Column and row of each cell, and its stride, in the order of the graph's output."""
    places, strides = [], []
    for stride in STRIDES:
        rows, columns = np.mgrid[: height // stride, : width // stride]
        places.append(np.stack([columns.ravel(), rows.ravel()], axis=1))
        strides.append(np.full(columns.size, stride))
    return np.concatenate(places).astype(np.float32), np.concatenate(strides).astype(np.float32)


def _detection(row: NDArray[np.float32], scale: float) -> Detection:
    x, y, width, height = (float(value) for value in row[:4])
    return scaled(Detection(Box(x, y, width, height), row[4:14].reshape(5, 2), float(row[14])), scale)


def scaled(face: Detection, by: float) -> Detection:
    """The detection in an image that is `by` times as large."""
    box = face.box
    return Detection(Box(box.x * by, box.y * by, box.width * by, box.height * by), face.landmarks * by, face.score)
