"""The measurements behind `doorbell bench backends` and `doorbell bench recall`."""

from __future__ import annotations

import importlib.util
import io
import itertools
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from rich.console import Console

from benchmarks import backends, recall
from benchmarks.backends import BACKENDS, BackendsReport, Row, race, runs, same
from benchmarks.recall import Recall, RecallReport
from benchmarks.scenes import lies_on, scenes
from serve_apps.faces import Box
from serve_apps.recognition import detect
from serve_apps.recognition.detect import Detector
from serve_apps.recognition.engine import YunetDlib
from serve_apps.recognition.sessions import Session


def shown(table: object) -> str:
    console = Console(width=160, record=True, file=io.StringIO())
    console.print(table)
    return console.export_text()


def test_boxes_lie_on_each_other_when_they_share_enough() -> None:
    face = Box(100, 100, 40, 40)

    assert lies_on(Box(104, 96, 40, 40), face)
    assert not lies_on(Box(130, 130, 40, 40), face)
    assert not lies_on(Box(0, 0, 400, 400), face)


def test_scenes_have_a_face_of_the_asked_width_bright_and_dark(engine: YunetDlib) -> None:
    bright, dark = itertools.islice(scenes(engine, (60,)), 2)

    (face,) = engine.faces(bright.pixels)
    assert bright.pixels.shape == (480, 640, 3)
    assert face.box.width == pytest.approx(60, rel=0.15)
    assert lies_on(face.box, bright.face)
    assert dark.pixels.mean() == pytest.approx(bright.pixels.mean() * 0.35, rel=0.05)


def test_recall_falls_with_the_face_and_counts_what_was_missed(engine: YunetDlib, weights_folder: Path) -> None:
    session = Session(detect.cached_graph(weights_folder))
    frames = list(itertools.islice(scenes(engine, (8, 60)), 12))

    row = recall.recall(Detector(session), 384, frames)

    assert row.found == {8: 0.0, 60: 1.0}
    assert row.cpu_ms > 0


def test_a_backend_that_cannot_run_says_why_and_the_others_run(
    weights_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    find_spec = importlib.util.find_spec
    monkeypatch.setattr("benchmarks.runs.find_spec", lambda name: None if name == "openvino" else find_spec(name))
    planes = np.random.default_rng(1).integers(0, 255, (1, 3, 64, 64)).astype(np.uint8)

    found = runs(detect.cached_graph(weights_folder), [planes])

    assert list(found) == list(BACKENDS)
    assert found["OpenVINO fp32"] == found["OpenVINO bf16"] == "openvino is not installed"
    exact, rounded = found["onnxruntime fp32"], found["onnxruntime int8"]
    assert callable(exact)
    assert callable(rounded)
    assert 0 < np.abs(exact(planes) - rounded(planes)).max() < 20


def test_backends_take_turns() -> None:
    order: list[str] = []

    def run(name: str, values: NDArray[np.uint8]) -> NDArray[np.float32]:
        order.append(name)
        return values.astype(np.float32)

    took = race({name: lambda values, name=name: run(name, values) for name in "ab"}, [np.zeros(1, np.uint8)], 2)

    assert "".join(order) == "abab"
    assert set(took) == {"a", "b"}


def test_pairs_within_the_threshold_are_the_same_person() -> None:
    embeddings = np.zeros((3, 128), np.float32)
    embeddings[1, 0], embeddings[2, 0] = 0.5, 1.0

    assert same(embeddings).tolist() == [[True, True, False], [True, True, True], [False, True, True]]


def test_the_tables_show_figures_and_reasons() -> None:
    rows = (
        Row("embedding", "a", None, 1.25, 1e-7, 1e-6, 3),
        Row("detection", "b", cpu_ms=2.5, found={20: 0.5}),
        Row("detection", "c", skipped="it is not installed"),
    )
    text = shown(backends.table(BackendsReport("today", {"processor": "CPU"}, 1, 0, 2, rows)))
    table = shown(
        recall.table(RecallReport("today", {"processor": "CPU"}, 2, (Recall(384, {20: 0.5}, 2.5),), {20: 0.75}))
    )

    assert "1.0e-07" in text
    assert "c: it is not installed" in text
    assert "384" in table
    assert "0.75" in table
