"""SFace (2021dec, Zhong et al., "SFace: Sigmoid-Constrained Hypersphere Loss", 2021) as cv2.FaceRecognizerSF runs it.

YuNet's five landmarks are laid onto a template by the similarity transform of least squares (Umeyama, 1991); the chip
of 112 x 112 RGB goes in as it is, and 128 numbers come out, whose direction is what counts.

The packaged graph takes one chip of floats, and names its weights as inputs, which keeps onnxruntime from folding
them and makes it warn of each; `cached_graph` rewrites it to chips of bytes, any number of them.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from serve_apps.faces import Detection, Embedding, Image
from serve_apps.recognition.sessions import Run
from serve_apps.recognition.weights import SFACE, WeightsError, WeightSource, cached

GRAPH_VERSION = 1
"""Part of the cached file's name: raise it whenever `rewritten_graph` gives another graph."""

SIDE = 112
LENGTH = 128
TEMPLATE = np.array(
    [(38.2946, 51.6963), (73.5318, 51.5014), (56.0252, 71.7366), (41.5493, 92.3655), (70.7299, 92.2041)]
)
"""Where the chip has right eye, left eye, nose tip and the corners of the mouth: OpenCV's and ArcFace's."""

LEAST = 1e-9
"""Of a divisor: landmarks that are all in one place, and an embedding of zeros, have no direction."""

Placing = NDArray[np.float64]
"""2 x 3: from the image's pixels to the chip's."""


def rewritten_graph(sface: bytes) -> bytes:
    """SFace from `chips` (N, 112, 112, 3) uint8 RGB to `embeddings` (N, 128) float32. Raises WeightsError."""
    import onnx
    from onnx import TensorProto, helper

    model = onnx.load_from_string(sface)
    graph = model.graph
    constants = {each.name for each in graph.initializer}
    given = [each for each in graph.input if each.name not in constants]
    shapes = [[size.dim_value for size in each.type.tensor_type.shape.dim] for each in [*given, *graph.output]]
    if shapes != [[1, 3, SIDE, SIDE], [1, LENGTH]]:
        raise WeightsError(f"SFace weights: the graph's inputs and outputs are {shapes}, not 1 x 3 x 112 x 112 to 128")
    planes, output = given[0].name, graph.output[0].name
    del graph.input[:], graph.output[:], graph.value_info[:]
    graph.node.insert(0, helper.make_node("Cast", ["planar"], [planes], to=TensorProto.FLOAT))
    graph.node.insert(0, helper.make_node("Transpose", ["chips"], ["planar"], perm=[0, 3, 1, 2]))
    graph.node.append(helper.make_node("Identity", [output], ["embeddings"]))
    graph.input.append(helper.make_tensor_value_info("chips", TensorProto.UINT8, ["n", SIDE, SIDE, 3]))
    graph.output.append(helper.make_tensor_value_info("embeddings", TensorProto.FLOAT, ["n", LENGTH]))
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString(deterministic=True))


def cached_graph(folder: Path, source: WeightSource = SFACE) -> Path:
    """The rewritten graph's file in `folder`, built when absent or damaged. Raises WeightsError."""
    return cached(folder, f"sface_v{GRAPH_VERSION}", source, rewritten_graph)


class SfaceAligner:
    """The detection's own landmarks onto the template."""

    side = SIDE

    def place(self, image: Image, face: Detection) -> Placing:
        """Scale, turn and shift of least squares; in two dimensions they are one complex factor and one summand."""
        points = face.landmarks.astype(np.float64) @ (1, 1j)
        onto = TEMPLATE @ (1, 1j)
        spread = points - points.mean()
        factor = np.vdot(spread, onto - onto.mean()) / max(LEAST, np.vdot(spread, spread).real)
        shift = onto.mean() - factor * points.mean()
        return np.array([[factor.real, -factor.imag, shift.real], [factor.imag, factor.real, shift.imag]])

    def width(self, place: Placing) -> float:
        """Pixels of the image that the chip's side covers."""
        return SIDE / max(LEAST, float(np.hypot(place[0, 0], place[1, 0])))

    def cut(self, image: Image, place: Placing) -> Image:
        """The RGB chip, 112 x 112 x 3 uint8: FaceRecognizerSF.alignCrop, in another order of colours."""
        chip = cv2.warpAffine(image, place, (SIDE, SIDE), flags=cv2.INTER_LINEAR)
        return np.asarray(cv2.cvtColor(chip, cv2.COLOR_BGR2RGB), np.uint8)


class SfaceEmbedder:
    """SFace, whoever runs its graph."""

    def __init__(self, run: Run) -> None:
        """`run` is the graph of `cached_graph`."""
        self._run = run

    def __call__(self, chips: list[Image]) -> list[Embedding]:
        """128 float32 of length 1 for each RGB chip (112 x 112 x 3 uint8). Raises CannotRun."""
        if not chips:
            return []
        found = self._run(np.stack(chips))
        return list(found / np.maximum(LEAST, np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32))
