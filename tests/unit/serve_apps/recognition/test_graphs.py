"""The graphs that we build beside the packaged ones."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import onnxruntime
import pytest

from samples.frames import PHOTOS
from serve_apps.recognition.detect import HEADS, STRIDES, cached_graph
from serve_apps.recognition.dlib_onnx import windows
from serve_apps.recognition.sessions import Session
from serve_apps.recognition.weights import YUNET


def test_the_joined_heads_say_what_yunets_own_twelve_say(weights_folder: Path) -> None:
    image = cv2.resize(cv2.imread(str(PHOTOS / "courier-3.jpg")), (640, 640))
    planes = np.ascontiguousarray(image.transpose(2, 0, 1))[None]
    packaged = onnxruntime.InferenceSession(str(YUNET.locate()), providers=["CPUExecutionProvider"])
    names = [f"{kind}_{stride}" for stride in STRIDES for kind in HEADS]
    theirs = packaged.run(names, {packaged.get_inputs()[0].name: planes.astype(np.float32)})

    ours = Session(cached_graph(weights_folder))(planes)

    levels = [np.concatenate([each[0] for each in theirs[n : n + 4]], axis=1) for n in (0, 4, 8)]
    ours[:, :2] = 1 / (1 + np.exp(-ours[:, :2]))
    assert ours == pytest.approx(np.concatenate(levels), abs=1e-4)


def test_windows_name_the_pixels_under_a_kernel_and_what_lies_outside() -> None:
    assert windows(2, 2, 2, 0).tolist() == [[0, 1, 2, 3]]
    assert windows(1, 3, 1, 1).tolist() == [[1, 1, 1, 1, 0, 1, 1, 1, 1]]
    assert windows(4, 3, 2, 0).tolist() == [[0, 1, 2, 4, 5, 6, 8, 9, 10]]
