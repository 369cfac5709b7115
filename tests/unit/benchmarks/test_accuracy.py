"""One side's figures from embeddings made up on a line, the report, and which face of several counts."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from benchmarks import roc_plot, seen
from benchmarks.accuracy import AccuracyReport, as_json, folds_of, table
from benchmarks.figures import Seen, SideReport, side_report
from benchmarks.pairs import AccuracyError, BadPairs, Pair, Pairs
from benchmarks.seen import look, most_prominent
from serve_apps.faces import Box

PHOTOS = Path(seen.__file__).parents[1] / "samples" / "photos"


def at(place: float | None) -> Seen:
    """A face whose embedding is a point on a line; None: no face was found."""
    return Seen(None, 0) if place is None else Seen(np.array([place], np.float32), 1)


def listed(*pairs: tuple[str, str, bool]) -> Pairs:
    return Pairs("csv", "pairs.csv", tuple(Pair(Path(first), Path(second), same) for first, second, same in pairs))


FOUR = listed(("a", "b", True), ("c", "d", True), ("a", "c", False), ("b", "d", False))


def report_of(places: dict[str, float | None], pairs: Pairs = FOUR, missed_by_the_other: str = "") -> SideReport:
    folds = folds_of(pairs, np.array([pair.same for pair in pairs.pairs]))[0]
    seen_by = {Path(name): at(place) for name, place in places.items()}
    other = {Path(name): at(None if name in missed_by_the_other else 0.0) for name in places}
    return side_report(seen_by, other, pairs, folds, 0.5)


@pytest.fixture
def report() -> AccuracyReport:
    good = report_of({"a": 0.0, "b": 0.25, "c": 1.0, "d": 1.25})
    bad = report_of({"a": 0.0, "b": None, "c": 1.0, "d": 1.25})
    return AccuracyReport("2026-11-23", {"processor": "a processor"}, FOUR, "2 folds", good, bad)


def test_a_side_that_tells_everybody_apart() -> None:
    found = report_of({"a": 0.0, "b": 0.25, "c": 1.0, "d": 1.25})

    assert (found.figures.accuracy, found.figures.auc, found.accuracy_as_shipped) == (1, 1, 1)
    assert found.figures.threshold == pytest.approx(0.625)
    assert (found.failures_to_detect, found.pairs_lost) == (0, 0)


def test_a_picture_without_a_face_makes_errors_of_its_pairs_and_is_left_out_beside() -> None:
    found = report_of({"a": 0.0, "b": None, "c": 1.0, "d": 1.25})

    assert (found.failures_to_detect, found.pairs_lost) == (1, 2)
    assert found.accuracy_as_shipped == 0.5
    assert found.figures.accuracy is not None
    assert found.figures.accuracy <= 0.5
    assert found.figures.auc == pytest.approx(2.5 / 4)
    assert (found.detected_only.pairs, found.detected_only.auc) == (2, 1)


def test_pairs_that_either_side_could_not_see_are_left_out_where_both_are_scored_on_the_same() -> None:
    found = report_of({"a": 0.0, "b": 0.25, "c": 1.0, "d": 1.25}, missed_by_the_other="d")

    assert (found.figures.pairs, found.detected_only.pairs, found.detected_by_both.pairs) == (4, 4, 2)
    assert found.detected_by_both.auc == 1


def test_a_side_that_finds_no_face_at_all_has_no_figures_and_says_why() -> None:
    found = report_of(dict.fromkeys("abcd"))

    assert (found.figures.accuracy, found.figures.auc, found.figures.threshold) == (None, None, None)
    assert "no pair of each kind" in found.figures.not_given["auc"]
    assert found.accuracy_as_shipped == 0


def test_one_pair_of_a_kind_gives_no_accuracy_since_the_threshold_would_be_tuned_on_it() -> None:
    found = report_of({"a": 0.0, "b": 0.25, "c": 1.0}, listed(("a", "b", True), ("a", "c", False)))

    assert found.figures.accuracy is None
    assert "chosen on other pairs" in found.figures.not_given["accuracy"]
    assert (found.figures.auc, found.accuracy_as_shipped) == (1, 1)


def test_a_rate_too_small_for_the_pairs_is_null_with_its_reason(report: AccuracyReport) -> None:
    fields = json.loads(json.dumps(as_json(report), allow_nan=False))

    assert fields["ours"]["tar_at_far_1e-3"] is None
    assert "1000 impostor pairs are needed; of 2 one alone" in fields["ours"]["not_given"]["tar_at_far_1e-3"]


def test_with_a_hundred_impostor_pairs_a_rate_of_1e2_is_given() -> None:
    places: dict[str, float | None] = {"a": 0.0, "b": 0.2, "c": 0.1} | {f"z{i}": 1.0 + i for i in range(99)}
    impostors = [("a", f"z{i}", False) for i in range(99)] + [("a", "c", False)]
    found = report_of(places, listed(("a", "b", True), ("b", "c", True), *impostors)).figures

    assert found.tar == {"1e-2": 1.0, "1e-3": None}
    assert found.far_threshold["1e-2"] == pytest.approx(0.2)


def test_the_json_has_the_fields_of_the_contract_for_both_sides(report: AccuracyReport) -> None:
    fields = as_json(report)

    wanted = {"accuracy", "auc", "tar_at_far_1e-2", "tar_at_far_1e-3", "failures_to_detect", "threshold"}
    assert wanted <= set(fields["ours"])
    assert wanted <= set(fields["reference"])
    assert (fields["pairs"], fields["genuine_pairs"], fields["impostor_pairs"]) == (4, 2, 2)


def test_the_table_shows_both_sides_and_the_reasons(report: AccuracyReport) -> None:
    console = Console(width=120, record=True, file=io.StringIO())
    console.print(table(report))
    text = console.export_text()

    assert "face_recognition" in text
    assert "0 pairs of ours, 2 of face_recognition's" in text
    assert "tar_at_far_1e-3: 1000 impostor pairs are needed" in text


def test_a_list_with_folds_keeps_them() -> None:
    pairs = Pairs("lfw", "pairs.txt", FOUR.pairs, (0, 1, 0, 1))
    folds, rule = folds_of(pairs, np.array([True, True, False, False]))

    assert folds is not None
    assert folds.tolist() == [0, 1, 0, 1]
    assert rule == "the 2 folds of the list"


def test_the_largest_face_counts_unless_it_stands_far_from_the_middle() -> None:
    passer_by, subject, tiny = Box(0, 0, 90, 90), Box(90, 80, 70, 80), Box(120, 120, 10, 10)

    assert most_prominent([passer_by, subject, tiny], 250, 250) == 1
    assert most_prominent([tiny, Box(60, 60, 130, 130)], 250, 250) == 1
    assert most_prominent([passer_by], 250, 250) == 0


@pytest.mark.parametrize("content", [b"", b"no picture", (PHOTOS / "barred-2.jpg").read_bytes()[:5000]])
def test_a_damaged_picture_is_named_before_anything_is_embedded(tmp_path: Path, content: bytes) -> None:
    damaged = tmp_path / "damaged.jpg"
    damaged.write_bytes(content)
    pairs = Pairs("csv", "pairs.csv", (Pair(PHOTOS / "barred-2.jpg", damaged, True, 7),))

    with pytest.raises(BadPairs, match=r"pairs\.csv, line 7: .*damaged\.jpg cannot be decoded"):
        look(pairs, tmp_path / "weights", 384)
    assert not (tmp_path / "weights").exists()


def test_the_curve_is_written_as_a_png(report: AccuracyReport, tmp_path: Path) -> None:
    file = tmp_path / "roc.png"
    roc_plot.check_place(file)

    roc_plot.write(file, {"ours": report.ours.curve, "theirs": report.reference.curve}, 2, "4 pairs")

    with Image.open(file) as written:
        assert (written.format, written.size) == ("PNG", (1200, 900))


def test_a_curve_that_cannot_be_written_is_said_before_the_work(tmp_path: Path) -> None:
    for file in (tmp_path / "roc.pdf", tmp_path / "nowhere" / "roc.png"):
        with pytest.raises(AccuracyError, match=str(file)):
            roc_plot.check_place(file)
