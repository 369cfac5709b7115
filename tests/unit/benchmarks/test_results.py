from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.markdown import number, table
from benchmarks.results import CURVE, found, keep, write
from benchmarks.sections import SECTIONS

RUN = {
    "requests_per_second": 70.5,
    "p50_ms": 100.0,
    "p99_ms": 200.0,
    "errors": 0,
    "too_many": 3,
    "cpu_seconds_per_frame": 0.025,
    "cpu_ms_per_frame": {"recognizer 1": 20.0, "gateway": 5.0},
    "load_share": 0.01,
    "idle_share": 0.02,
}
REPORTS: dict[str, dict[str, Any]] = {
    "engine": {
        "rounds": 3,
        "speedup": 18.7,
        "speedup_frames": 14.1,
        "same_verdicts": True,
        "frames": [
            {"kind": "photograph", "ours_ms": 16.0, "reference_ms": 300.0, "ours_stages_ms": {"detect": 4.0}},
            {"kind": "frame", "ours_ms": 13.0, "reference_ms": 190.0, "ours_stages_ms": {"detect": 2.75}},
        ],
    },
    "floor": {"frames_per_second": 133.4, "cpu_seconds_per_frame": 0.0149, "processes": [{}, {}]},
    "service": {
        "runs": [{"cameras": 8, **RUN}, {"cameras": 64, **RUN}],
        "processes": [{"name": "gateway", "resident_mb": 250.0}],
        "replicas": 2,
        "saturation_cameras": 64,
        "flatness": 0.97,
        "floor": {"frames_per_second": 90.0, "cpu_seconds_per_frame": 0.015, "each": [{"frames_per_second": 91.0}]},
        "floor_fraction": 0.79,
        "load_generator_share": 0.01,
        "peers_cameras": 8,
        "peers": [{"name": "FastAPI", "ratio": 11.5, "frames_per_cpu_second": 5.2, "cpu_seconds_per_frame": 0.19}],
    },
    "gallery": {"sizes": [{"embeddings": n, "p99_ms": 1.8, "resident_mb": 900.0} for n in (1_000, 1_000_000)]},
    "soak": {
        "frames": 20_000,
        "processes": [{"name": "Gateway", "growth_mb": 1.25}],
        "samples": [{"name": "Gateway", "frames": [0, 10_000, 20_000], "resident_mb": [250.0, 251.0, 251.0]}],
    },
    "release": {
        "cases": [
            {"name": "leaks", "requests": 771, "failed_requests": 0, "seconds_to_detect": 45.2, "ended": "failed"},
            {"name": "slow", "ended": "completed", "as_expected": False, "unexpected": ["it ended completed"]},
        ]
    },
    "autoscale": {
        "traces": [
            {
                "name": "holiday",
                "policies": [{"name": "ours", "late_share": 0.0025, "replica_hours": 1176.04, "starts": 23}],
                "series": {"hours": [0.0, 1.0], "per_s": [5.0, 50.0], "replicas": {"ours": [2, 4]}},
            }
        ],
        "forecasts": [{"trace": "holiday", "method": "Holt-Winters", "replica_hours": 179.4, "error": 0.1531}],
    },
    "backup": {
        "data": {"people": 10_000, "events": 1_000_000, "database_bytes": 9e8, "crops_bytes": 2.4e8},
        "first": {"process_seconds": 61.2, "bytes_uploaded": 3.1e8},
        "restic": {"first": {"seconds": 9.9, "bytes_stored": 2.2e8}},
        "drill": {"rows_compared": 1_600_000, "differences": 0},
    },
    "accuracy": {"ours": {"accuracy": 0.9912, "auc": 0.998}, "reference": {"accuracy": 0.9901}},
}
MACHINE = {"processor": "AMD EPYC", "cores": 2}


def bench(folder: Path, *names: str) -> Path:
    """A folder with these measurements."""
    folder.mkdir()
    for name in names:
        keep(folder, name, json.dumps({"date": "2026-11-23", "machine": MACHINE} | REPORTS[name]), 0, "")
    return folder


@pytest.fixture
def measured(tmp_path: Path) -> Path:
    """Two measurements: drawing the plots of all of them takes half a second."""
    return bench(tmp_path / "bench", "floor", "soak")


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of RESULTS.md of all measurements."""
    folder = bench(tmp_path_factory.mktemp("results") / "bench", *REPORTS)
    (folder / CURVE).write_bytes(b"\x89PNG")
    write(folder, folder.parent / "RESULTS.md")
    return folder.parent


def text_of(folder: Path) -> str:
    write(folder, folder.parent / "RESULTS.md")
    return (folder.parent / "RESULTS.md").read_text()


def test_every_measurement_has_its_section_and_the_machine_is_named_once(everything: Path) -> None:
    text = (everything / "RESULTS.md").read_text()

    assert [line for line in text.splitlines() if line.startswith("## ")] == [f"## {t}" for t, _ in SECTIONS.values()]
    assert text.count("AMD EPYC") == 1
    assert text.count("2026-11-23") == len(SECTIONS)
    assert "Not measured" not in text


@pytest.mark.parametrize(
    "row",
    [
        "| 640x480 frames | 13.0 | 190.0 | 14.1 |",
        "| detect | 2.75 |",
        "| 64 | 70.5 | 100.0 | 200.0 | 0 | 3 | 25.0 | 1.0 % | 2.0 % |",
        "| FastAPI | - | - | - | 190.0 | 5.2 | 11.5 |",
        "| 1,000,000 | - | 900 | - | 1.800 | - |",
        "| Gateway | 1.25 | - |",
        "| leaks | 771 | - | 0 | - | - | 45.2 | - | - | failed | - |",
        "| slow | - | - | - | - | - | - | - | - | completed | **no** |",
        "- **slow**: it ended completed",
        "| holiday | ours | 0.25 | - | 1,176.0 | - | 23 | - |",
        "| holiday | Holt-Winters | 179.4 | - | 15.31 |",
        "![Load and replicas: holiday](plots/autoscale-holiday.png)",
        "| accuracy | 0.9912 | 0.9901 |",
        "| ROC area | 0.9980 | - |",
    ],
)
def test_the_figures_are_in_the_tables(everything: Path, row: str) -> None:
    assert row in (everything / "RESULTS.md").read_text().splitlines()


def test_each_column_of_the_rollouts_has_its_sentence(everything: Path) -> None:
    lines = (everything / "RESULTS.md").read_text().splitlines()
    heading = next(line for line in lines if line.startswith("| rollout |"))
    for column in heading.strip("| ").split(" | ")[1:]:
        assert sum(line.startswith(f"- {column}: ") and line.endswith(".") for line in lines) == 1


def test_the_plots_lie_beside_the_file_and_are_shown_by_it(everything: Path) -> None:
    text = (everything / "RESULTS.md").read_text()

    for stem in ("throughput", "cpu", "peers", "gallery", "soak", "accuracy"):
        assert f"(plots/{stem}.png)" in text
        assert (everything / "plots" / f"{stem}.png").read_bytes().startswith(b"\x89PNG")


def test_a_measurement_that_failed_says_why_beside_what_it_printed(measured: Path) -> None:
    outcome = keep(measured, "soak", json.dumps(REPORTS["soak"]), 1, "Gateway grew by 9.0 MB")

    assert outcome.failed == "Gateway grew by 9.0 MB"
    text = text_of(measured)
    assert "**Failed:** Gateway grew by 9.0 MB" in text
    assert "| Gateway | 1.25 | - |" in text


def test_a_measurement_that_printed_nothing_leaves_no_figures_of_an_earlier_one(measured: Path) -> None:
    keep(measured, "floor", "", 2, "data/weights: Permission denied")

    assert "133.4" not in text_of(measured)
    assert "**Failed:** data/weights: Permission denied" in text_of(measured)


def test_a_measurement_that_succeeds_forgets_its_failure(measured: Path) -> None:
    keep(measured, "floor", "", 1, "no")
    keep(measured, "floor", json.dumps(REPORTS["floor"]), 0, "a warning")

    assert found(measured, "floor").failed is None


@pytest.mark.parametrize("content", ["{", "[]"])
def test_a_file_that_is_no_report_is_a_failure(measured: Path, content: str) -> None:
    (measured / "floor.json").write_text(content)

    assert found(measured, "floor").failed
    assert "floor.json is no" in text_of(measured)


def test_reports_without_fields_and_missing_ones_still_make_a_file(tmp_path: Path) -> None:
    folder = tmp_path / "bench"
    folder.mkdir()
    for name in [name for name in SECTIONS if name != "gallery"]:
        keep(folder, name, "{}", 0, "")

    assert text_of(folder).endswith("Not measured: gallery.\n")


def test_machines_that_differ_are_told_apart(measured: Path) -> None:
    keep(measured, "floor", json.dumps(REPORTS["floor"] | {"machine": {"processor": "Cortex-A76"}}), 0, "")

    assert "Machine of floor: processor Cortex-A76." in text_of(measured)


def test_numbers_and_cells_are_written_for_people() -> None:
    assert [number(None), number(True), number(1234567), number(0.126, 2), number(3.0, 0, " ms")] == [
        "-",
        "-",
        "1,234,567",
        "0.13",
        "3 ms",
    ]
    assert table(("a", "b"), [("x|y", "1")]) == ["", "| a | b |", "| --- | ---: |", r"| x\|y | 1 |", ""]
    assert table(("a", "b"), []) == []
