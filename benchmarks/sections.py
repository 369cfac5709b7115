"""What RESULTS.md says of each measurement, from the JSON that its command printed.

A section takes whatever fields there are: a measurement of another version leaves dashes, and no error.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from statistics import median
from typing import Any

from benchmarks.autoscale import report as autoscale
from benchmarks.backup import report as backup
from benchmarks.markdown import number, percent, table

Report = Mapping[str, Any]


def engine(report: Report) -> list[str]:
    """Beside face_recognition, and by stage."""
    sides = ("ours", "reference")
    kinds = {"photographs": ("photograph", "speedup"), "640x480 frames": ("frame", "speedup_frames")}
    timings = report.get("frames") or []
    rows = []
    for name, (kind, ratio) in kinds.items():
        figures = [
            number(_median(row.get(f"{side}_ms") for row in timings if row.get("kind") == kind)) for side in sides
        ]
        rows.append((name, *figures, number(report.get(ratio))))
    same = "the same verdict on every frame" if report.get("same_verdicts") else "**verdicts differ**"
    return [
        f"One thread each, medians over {number(report.get('rounds'))} rounds; {same}.",
        *table(("pictures", "ours ms", "face_recognition ms", "times as fast"), rows),
        "Where a 640x480 frame's time goes:",
        *table(("stage", "ms"), _stages([row for row in timings if row.get("kind") == "frame"])),
    ]


def floor(report: Report) -> list[str]:
    """The bare engine."""
    processes = report.get("processes") or []
    return [
        f"The bare engine, {len(processes)} processes of one thread: **{number(report.get('frames_per_second'))} "
        f"frames/s**, {_milliseconds(report.get('cpu_seconds_per_frame'))} of CPU a frame."
    ]


def service(report: Report) -> list[str]:
    """Runs, floor, CPU by process, peers."""
    runs = report.get("runs") or []
    columns = ("cameras", "requests/s", "p50 ms", "p99 ms", "errors", "429", "CPU ms/frame", "load generator", "idle")
    rows = [
        (
            number(run.get("cameras")),
            *(number(run.get(name)) for name in ("requests_per_second", "p50_ms", "p99_ms", "errors", "too_many")),
            _milliseconds(run.get("cpu_seconds_per_frame"), ""),
            *(percent(run.get(name)) for name in ("load_share", "idle_share")),
        )
        for run in runs
    ]
    return [
        f"{number(report.get('replicas'))} recognizer replicas; cameras post a frame as soon as the last was answered.",
        *table(columns, rows),
        *_floor_lines(report),
        *_cpu_lines(report),
        *_peer_lines(report),
        "Memory at the end:",
        *table(("process", "MB"), _largest(report.get("processes") or [])),
    ]


def gallery(report: Report) -> list[str]:
    """By size."""
    columns = ("embeddings", "load s", "MB", "p50 ms", "p99 ms", "recall@1")
    digits = {"load_seconds": 2, "resident_mb": 0, "p50_ms": 3, "p99_ms": 3, "recall_at_1": 5}
    rows = [
        (number(size.get("embeddings")), *(number(size.get(name), places) for name, places in digits.items()))
        for size in report.get("sizes") or []
    ]
    return table(columns, rows)


def soak(report: Report) -> list[str]:
    """Growth by process, and the burst where there was one."""
    rows = [
        (str(process.get("name")), number(process.get("growth_mb"), 2), number(_last(process.get("resident_mb"))))
        for process in report.get("processes") or []
    ]
    lines = [
        f"{number(report.get('frames'))} frames after the warm-up.",
        *table(("process", "growth MB", "MB at the end"), rows),
    ]
    if burst := report.get("overload"):
        lines.append(
            f"{number(burst.get('cameras'))} cameras at once: {number(burst.get('requests_per_second'))} requests/s, "
            f"p99 {number(burst.get('p99_ms'))} ms, answers {burst.get('statuses')}, the slowest camera's share "
            f"{number(burst.get('slowest_share'), 2)} of the mean, normal again after "
            f"{number(burst.get('recovery_seconds'), 2)} s."
        )
    return lines


def accuracy(report: Report) -> list[str]:
    """Ours beside the reference."""
    fields = {
        "accuracy": "accuracy",
        "auc": "ROC area",
        "tar_at_far_1e-2": "true accept at false accept 1e-2",
        "tar_at_far_1e-3": "true accept at false accept 1e-3",
        "failures_to_detect": "failures to detect",
        "threshold": "best threshold",
    }
    sides = report.get("ours") or {}, report.get("reference") or {}
    rows = [(title, *(number(side.get(name), 4) for side in sides)) for name, title in fields.items()]
    lines = table(("", "ours", "face_recognition"), rows)
    if "pairs" in report:
        lines.insert(0, f"{number(report['pairs'])} pairs of pictures.")
    return lines


ROLLOUT_FIGURES = {
    "frames": ("requests", "Sent by the doors meanwhile, with known answers."),
    "frames/s": (
        "frames_per_second",
        "What the doors send together, less where they wait for answers.",
    ),
    "failed": ("failed_requests", "Frames that got no answer."),
    "wrong": ("wrong_answers", "Answers with another verdict or other names than the frame has."),
    "slowest ms": ("max_latency_ms", "The longest wait of a door for one answer."),
    "detected after s": (
        "seconds_to_detect",
        "From the start of the second colour until its rollout was being taken back; nobody detects a SIGKILL.",
    ),
    "last answer after s": (
        "seconds_to_old_traffic",
        "Of the release that goes: from that moment, from the SIGKILL, or from the start of a rollback by hand; 0 "
        "when it had no traffic then.",
    ),
    "old answers after s": (
        "seconds_to_first_old",
        "From the start of a rollback by hand until a frame was sent that the old release answered.",
    ),
}
"""By column of a rollout's row: the field of its JSON, and a sentence."""


def release(report: Report) -> list[str]:
    """A row for each rollout, a sentence for each column, and what was not as it should be."""
    cases = report.get("cases") or []
    rows = [
        (
            str(case.get("name")),
            *(number(case.get(name)) for name, _ in ROLLOUT_FIGURES.values()),
            str(case.get("ended")),
            {True: "yes", False: "**no**"}.get(case.get("as_expected"), number(None)),
        )
        for case in cases
    ]
    return [
        *table(("rollout", *ROLLOUT_FIGURES, "ended", "as expected"), rows),
        *(f"- {column}: {sentence}" for column, (_, sentence) in ROLLOUT_FIGURES.items()),
        "- ended: The rollout's last step.",
        "- as expected: It ended as such a release must, for that reason, without a failed or a wrong answer.",
        "",
        *(f"- **{case.get('name')}**: {each}" for case in cases for each in case.get("unexpected") or []),
    ]


SECTIONS: dict[str, tuple[str, Callable[[Report], list[str]]]] = {
    "engine": ("Engine", engine),
    "floor": ("Floor", floor),
    "service": ("Service", service),
    "gallery": ("Gallery", gallery),
    "soak": ("Soak", soak),
    "release": ("Releases", release),
    "autoscale": ("Autoscaling", autoscale.section),
    "backup": ("Snapshots", backup.section),
    "accuracy": ("Accuracy", accuracy),
}
"""By the command that measures it: its heading and its text."""


def _stages(timings: list[dict[str, Any]]) -> list[tuple[str, str]]:
    names = [name for row in timings[:1] for name in row.get("ours_stages_ms") or {}]
    return [(name, number(_median(row["ours_stages_ms"].get(name) for row in timings), 2)) for name in names]


def _floor_lines(report: Report) -> list[str]:
    if not (found := report.get("floor")):
        return []
    each = " and ".join(number(one.get("frames_per_second")) for one in found.get("each") or [])
    by_clock, by_cpu = (number(report.get(name), 2) for name in ("floor_fraction", "floor_fraction_by_cpu"))
    lines = [
        f"The bare engine before and after: {each} frames/s, {_milliseconds(found.get('cpu_seconds_per_frame'))} of "
        f"CPU a frame. With {number(report.get('saturation_cameras'))} cameras the service reaches **{by_clock} of the "
        f"floor** ({by_cpu} by CPU time), after the load generator's {percent(report.get('load_generator_share'))} of "
        f"the processor. Throughput with the most cameras by the best: {number(report.get('flatness'), 2)}."
    ]
    if report.get("disturbed"):
        lines += ["", "Other programs took more than 5 % of the processor meanwhile: only CPU times count."]
    return lines


def _cpu_lines(report: Report) -> list[str]:
    runs = [run for run in report.get("runs") or [] if run.get("cpu_ms_per_frame")]
    if not runs:
        return []
    best = next((run for run in runs if run.get("cameras") == report.get("saturation_cameras")), runs[-1])
    rows = [(name, number(float(value), 2)) for name, value in best["cpu_ms_per_frame"].items()]
    return ["", f"CPU a frame with {best.get('cameras')} cameras:", *table(("process", "ms"), rows)]


def _peer_lines(report: Report) -> list[str]:
    if not (peers := report.get("peers")):
        return []
    columns = ("peer", "requests/s", "p50 ms", "p99 ms", "CPU ms/frame", "frames/CPU s", "ours by theirs")
    names = ("requests_per_second", "p50_ms", "p99_ms")
    rows = [
        (
            str(peer.get("name")),
            *(number(peer.get(name)) for name in names),
            _milliseconds(peer.get("cpu_seconds_per_frame"), ""),
            number(peer.get("frames_per_cpu_second")),
            number(peer.get("ratio")),
        )
        for peer in peers
    ]
    head = (
        f"Peers, {number(report.get('peers_cameras'))} cameras, in the same run; the ratio is of frames by CPU second:"
    )
    return ["", head, *table(columns, rows)]


def _largest(processes: list[dict[str, Any]], most: int = 6) -> list[tuple[str, str]]:
    return [(str(each.get("name")), number(each.get("resident_mb"), 0)) for each in processes[:most]]


def _last(value: Any) -> Any:
    return value.get("last") if isinstance(value, Mapping) else value


def _median(values: Any) -> float | None:
    known = [value for value in values if value is not None]
    return median(known) if known else None


def _milliseconds(seconds: Any, unit: str = " ms") -> str:
    return number(seconds * 1000, 1, unit) if isinstance(seconds, int | float) else number(None)
