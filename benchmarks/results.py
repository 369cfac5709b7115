"""`benchmarks/RESULTS.md`: every measurement of `doorbell bench` in one file, with plots.

A measurement is `NAME.json` in a folder, as `doorbell bench NAME --json` prints it, and `NAME.failed` with one line
when the command said that something is not as it should be.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import plots
from benchmarks.autoscale import report as autoscale
from benchmarks.markdown import picture
from benchmarks.sections import SECTIONS

CURVE = "accuracy.png"
"""What `doorbell bench accuracy --plot` has drawn."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is known of one measurement: its report, its failure, or both."""

    report: Mapping[str, Any] | None
    failed: str | None


def keep(folder: Path, name: str, printed: str, status: int, said: str) -> Outcome:
    """Write down what a command printed; `said` is its last line on standard error."""
    report_file, failed_file = folder / f"{name}.json", folder / f"{name}.failed"
    for old in (report_file, failed_file):
        old.unlink(missing_ok=True)
    failed = (said or f"it ended with status {status}") if status else None
    try:
        json.loads(printed)
    except ValueError:
        failed = failed or "it printed no JSON"
    else:
        report_file.write_text(printed)
    if failed:
        failed_file.write_text(failed)
    return found(folder, name)


def found(folder: Path, name: str) -> Outcome:
    """What a folder has of a measurement."""
    report_file, failed_file = folder / f"{name}.json", folder / f"{name}.failed"
    failed = failed_file.read_text().strip() if failed_file.exists() else None
    if not report_file.exists():
        return Outcome(None, failed)
    try:
        report = json.loads(report_file.read_text())
    except ValueError:
        return Outcome(None, failed or f"{report_file.name} is no JSON")
    return Outcome(report, failed) if isinstance(report, dict) else Outcome(None, f"{report_file.name} is no report")


def write(folder: Path, file: Path) -> dict[str, Outcome]:
    """RESULTS.md and its plots beside it, from whatever the folder has."""
    outcomes = {name: found(folder, name) for name in SECTIONS}
    pictures = file.parent / "plots"
    lines = ["# Results", "", "`make bench` writes this file.", *_machine(outcomes)]
    for name, outcome in outcomes.items():
        if outcome.report is not None or outcome.failed:
            drawn = _pictures(name, outcome, folder, pictures)
            lines += _section(name, outcome, [(title, path.relative_to(file.parent)) for title, path in drawn])
    missing = [name for name, outcome in outcomes.items() if outcome.report is None and not outcome.failed]
    if missing:
        lines += ["", f"Not measured: {', '.join(missing)}."]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(_tidy(lines))
    return outcomes


def _section(name: str, outcome: Outcome, drawn: list[tuple[str, Path]]) -> list[str]:
    title, text = SECTIONS[name]
    lines = ["", f"## {title}", ""]
    if outcome.failed:
        lines += [f"**Failed:** {outcome.failed}", ""]
    if outcome.report is not None:
        lines += [f"`doorbell bench {name}`, {outcome.report.get('date', 'no date')}.", "", *text(outcome.report)]
    return lines + [line for shown, path in drawn for line in picture(shown, path.as_posix())]


def _pictures(name: str, outcome: Outcome, folder: Path, pictures: Path) -> list[tuple[str, Path]]:
    if outcome.report is None:
        return []
    if name == "accuracy" and (folder / CURVE).exists():
        pictures.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(folder / CURVE, pictures / CURVE)
        return [("ROC curve", pictures / CURVE)]
    if name == "autoscale":
        return autoscale.draw(outcome.report, pictures)
    return plots.draw(name, outcome.report, pictures)


def _machine(outcomes: Mapping[str, Outcome]) -> list[str]:
    """The machine, once; more than once when they were several."""
    machines: dict[str, list[str]] = {}
    for name, outcome in outcomes.items():
        if outcome.report and (machine := outcome.report.get("machine")):
            said = ", ".join(f"{key} {value}" for key, value in machine.items())
            machines.setdefault(said, []).append(name)
    if len(machines) == 1:
        return ["", f"Machine: {next(iter(machines))}."]
    return [line for said, names in machines.items() for line in ("", f"Machine of {', '.join(names)}: {said}.")]


def _tidy(lines: list[str]) -> str:
    """No two empty lines in a row, and one line's end at the end."""
    kept = [line for before, line in zip(["x", *lines], lines, strict=False) if line or before]
    return "\n".join(kept).rstrip("\n") + "\n"
