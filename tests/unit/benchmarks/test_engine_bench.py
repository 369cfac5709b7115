"""The measurement behind `doorbell bench engine`, on two pictures."""

from __future__ import annotations

import dataclasses
import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from benchmarks import engine
from benchmarks.engine import EngineReport, as_json, embedding_difference, measure, race, table
from benchmarks.sides import Answer, Pass, Picture, frames, photographs
from serve_apps.faces import Image
from serve_apps.recognition.match import MatchRules


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("weights")


@pytest.fixture(scope="module")
def pictures() -> list[Picture]:
    photo = next(picture for picture in photographs() if picture.name == "barred-2")
    frame = next(picture for picture in frames() if picture.name == "resident-other-photo")
    return [photo, frame]


@pytest.fixture(scope="module")
def report(weights: Path, pictures: list[Picture]) -> EngineReport:
    return measure(weights, 1, pictures)


def test_the_json_has_the_fields_of_the_contract(report: EngineReport) -> None:
    found = json.loads(json.dumps(as_json(report)))

    assert found["speedup"] == pytest.approx(found["frames"][0]["reference_ms"] / found["frames"][0]["ours_ms"])
    assert found["speedup_frames"] == pytest.approx(found["frames"][1]["reference_ms"] / found["frames"][1]["ours_ms"])
    assert found["photographs"] == ["barred-2"]
    assert [(row["name"], row["kind"]) for row in found["frames"]] == [
        ("barred-2", "photograph"),
        ("resident-other-photo", "frame"),
    ]
    assert {"processor", "cores", "python", "onnxruntime", "dlib", "opencv"} <= set(found["machine"])
    assert {"date", "threads", "cpu_share", "rounds"} <= set(found)


def test_the_stages_add_up_to_the_whole(report: EngineReport) -> None:
    for timing in report.timings:
        assert list(timing.ours_stages_ms) == ["decode", "detect", "align", "embed", "quality", "match"]
        assert list(timing.reference_stages_ms) == ["decode", "detect", "embed", "match"]
        assert sum(timing.reference_stages_ms.values()) == pytest.approx(timing.reference_ms)
        assert timing.ours_ms > 0
        assert min(timing.ours_stages_ms.values()) > 0


def test_both_sides_embed_the_same_chips_alike_and_not_identically(report: EngineReport) -> None:
    assert report.chips == 1
    assert 0 < report.embedding_max_abs_diff < 1e-5


def test_both_engines_say_the_same_of_every_frame(report: EngineReport) -> None:
    assert report.differing == []
    assert [frame.name for frame in report.verdicts] == [picture.name for picture in frames()]
    assert as_json(report)["same_verdicts"] is True


def test_a_wrong_threshold_of_ours_is_seen_as_other_verdicts(
    weights: Path, pictures: list[Picture], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "frames", lambda: pictures[1:])

    wrong = measure(weights, 1, pictures, MatchRules(threshold=0.01))

    assert as_json(wrong)["same_verdicts"] is False
    assert wrong.differing == ["resident-other-photo"]


def test_the_same_verdict_for_other_persons_is_no_agreement(report: EngineReport) -> None:
    first = dataclasses.replace(report.verdicts[0], ours=Answer(report.verdicts[0].reference.verdict, ("Somebody",)))
    changed = dataclasses.replace(report, verdicts=(first, *report.verdicts[1:]))

    assert changed.differing == [first.name]


def test_without_a_face_there_is_no_difference_to_report() -> None:
    class Faceless:
        def chips(self, content: bytes) -> list[Image]:
            return []

    side: Any = Faceless()
    with pytest.raises(ValueError, match="no photograph has a face"):
        embedding_difference(side, side, [Picture("wall", "photograph", b"")])


def test_the_first_round_warms_up_and_progress_hears_of_it() -> None:
    heard: list[tuple[int, int]] = []
    ours, reference = CountingSide(), CountingSide()

    passes = race(ours, reference, [Picture("a", "frame", b"")], 2, lambda done, total: heard.append((done, total)))

    assert [(mine.wall_ms, theirs.wall_ms) for mine, theirs in passes[0]] == [(2, 2), (3, 3)]
    assert heard == [(1, 3), (2, 3), (3, 3)]


class CountingSide:
    """Every pass takes a millisecond longer than the one before."""

    def __init__(self) -> None:
        self.passes = 0

    def timed(self, content: bytes) -> Pass:
        self.passes += 1
        return Pass(0, self.passes, self.passes, {})

    def answer(self, content: bytes) -> Answer:
        return Answer("no_face", ())


def test_the_table_names_every_picture(report: EngineReport) -> None:
    console = Console(width=140, record=True, file=io.StringIO())
    console.print(table(report))
    text = console.export_text()

    assert "barred-2" in text
    assert "same verdicts: yes" in text
