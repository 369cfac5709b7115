"""The measurement behind `doorbell bench gallery`, on small galleries."""

from __future__ import annotations

import io
import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from benchmarks.gallery import GalleryReport, GalleryRunFailed, _run, measure, table
from benchmarks.gallery_fill import SPACE, fill, gallery_in
from benchmarks.made_faces import made_gallery, two_nearest
from serve_apps.gallery.index import GalleryIndex
from serve_apps.gallery.keeper import APPROXIMATE_FROM

CONTRACT = {"embeddings", "load_seconds", "resident_mb", "p50_ms", "p99_ms", "recall_at_1"}


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> GalleryReport:
    return measure([100, APPROXIMATE_FROM], tmp_path_factory.mktemp("bench"), lambda line: None)


def test_the_json_has_the_fields_of_the_contract(report: GalleryReport) -> None:
    found = json.loads(json.dumps(asdict(report)))

    assert [row["embeddings"] for row in found["sizes"]] == [100, APPROXIMATE_FROM]
    for row in found["sizes"]:
        assert row.keys() >= CONTRACT
        assert 0 < row["p50_ms"] <= row["p99_ms"]
        assert row["resident_mb"] > row["resident_empty_mb"] > 0


def test_the_small_gallery_is_searched_exactly_and_the_large_one_from_its_saved_index(report: GalleryReport) -> None:
    small, large = report.sizes

    assert (small["search"], small["from_saved"], small["saved_mb"]) == ("exact", False, 0)
    assert (large["search"], large["from_saved"]) == ("lists, ranked exactly", True)
    assert large["saved_mb"] > APPROXIMATE_FROM * 512 / 1e6
    assert small["recall_at_1"] == small["same_distance_and_margin"] == 1
    assert large["recall_at_1"] >= 0.999


def test_whoever_was_added_is_found_and_whoever_was_removed_is_not(report: GalleryReport) -> None:
    assert [(row["added_found"], row["removed_found"]) for row in report.sizes] == [(1, 0), (1, 0)]


def test_the_table_names_every_size(report: GalleryReport) -> None:
    console = Console(width=140, record=True, file=io.StringIO())
    console.print(table(report))

    assert f"{APPROXIMATE_FROM:,}" in console.export_text()


def test_a_run_that_fails_says_why(tmp_path: Path) -> None:
    with pytest.raises(GalleryRunFailed, match=r"the restart start on .* failed: .*queries.npy"):
        _run("restart", tmp_path)


def test_made_faces_are_as_far_apart_as_real_ones() -> None:
    made = made_gallery(3_000, 10)
    same = made.owners[:-1] == made.owners[1:]
    apart = np.linalg.norm(made.embeddings[:-1] - made.embeddings[1:], axis=1)
    others = np.linalg.norm(made.embeddings[:1_500] - made.embeddings[1_500:], axis=1)

    assert np.linalg.norm(made.embeddings, axis=1).mean() == pytest.approx(1.4, abs=0.05)
    assert np.median(apart[same]) == pytest.approx(0.40, abs=0.02)
    assert others.mean() == pytest.approx(0.86, abs=0.02)
    assert 0.001 < np.mean(others < 0.6) < 0.02


def test_the_same_numbers_make_the_same_faces() -> None:
    assert (made_gallery(50, 4).embeddings == made_gallery(50, 4).embeddings).all()


def test_what_is_filled_in_is_what_a_recognizer_reads(tmp_path: Path) -> None:
    made = made_gallery(500, 40)
    ids = fill(tmp_path, made, lambda done, total: None)
    people, distances, margins = two_nearest(made)

    search = GalleryIndex(gallery_in(tmp_path), SPACE).search

    assert search.rows.live == 500
    for query, person, distance, margin in zip(made.queries, people, distances, margins, strict=True):
        found = search.nearest(query, 2)
        assert (found[0].person_id, found[0].distance) == (ids[person], distance)
        assert found[1].distance - found[0].distance == pytest.approx(margin, abs=1e-6)
