"""`doorbell bench soak`."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from cluster import supervisor
from cluster.cli.bench.output import AsJson, show
from cluster.cli.bench.own_cluster import cluster_of_its_own

INTERRUPTED = 130


def soak(
    frames: Annotated[int, typer.Option(min=100, max=100_000_000, help="After a warm-up of a quarter more.")] = 20_000,
    cameras: Annotated[int, typer.Option(min=1, max=64, help="That post them, as fast as they are answered.")] = 4,
    overload_seconds: Annotated[float, typer.Option(min=0, max=600, help="Of 64 cameras at once; 0 for none.")] = 20.0,
    as_json: AsJson = False,
) -> int:
    """A cluster of its own, what every process of it holds against frames done, and how it takes 64 cameras at once."""
    if not supervisor.inside():
        return supervisor.run_inside(["-m", "cluster.cli.main", *sys.argv[1:]])
    from benchmarks import soak as soaking
    from benchmarks.processes import Watch

    measured = soaking.Soak(frames, cameras, Watch(os.getpid()))
    with _until_asked_to_stop() as stop, cluster_of_its_own() as address:
        stop.measuring = True
        if not stop.is_set():
            with Progress(console=Console(stderr=True), transient=True) as progress:
                task = progress.add_task("frames", total=measured.warm_up + frames)
                soaking.run(
                    address, measured, overload_seconds, stop, lambda done: progress.update(task, completed=done)
                )
    report = soaking.as_json(measured)
    show(report, _soak_table(report), as_json)
    for line in report["shortcomings"]:
        print(line, file=sys.stderr)
    if stop.is_set():
        return INTERRUPTED
    return 1 if report["shortcomings"] else 0


class _Stop(threading.Event):
    """Set when the measuring has to end; before it has begun there is nothing to show."""

    measuring = False


@contextmanager
def _until_asked_to_stop() -> Iterator[_Stop]:
    """Ctrl-C, SIGTERM and hang-up end the measuring in order, and the start of the cluster at once."""
    stop = _Stop()

    def ask(number: int, _: object) -> None:
        stop.set()
        if not stop.measuring:
            stop.measuring = True  # a second signal does not disturb the end
            raise KeyboardInterrupt

    for number in supervisor.PASSED_ON:
        signal.signal(number, ask)
    yield stop


def _soak_table(report: dict[str, Any]) -> Table:
    table = Table(title=f"{report['frames']} frames after {report['warm_up_frames']} of warm-up")
    table.add_column("process", overflow="fold")
    for heading in ("MB", "growth MB", "kB/1000 frames", "files", "threads"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in report["processes"]:
        files, threads = row["open_files"], row["threads"]
        table.add_row(
            row["name"].removeprefix("ServeReplica:") + (" (ended)" if row["ended"] else ""),
            f"{row['resident_mb']['last']:.1f}",
            f"{row['growth_mb']:+.2f}",
            f"{row['slope_kb_per_1000_frames']:+.1f}",
            f"{files['first']:g} > {files['last']:g}",
            f"{threads['first']:g} > {threads['last']:g}",
        )
    table.caption = _caption(report)
    return table


def _caption(report: dict[str, Any]) -> str:
    said = [f"{report['cameras']} cameras, {report['frames_per_second']} frames/s, {report['errors']} errors"]
    if brief := report["too_brief"]:
        names = ", ".join(f"{row['name']} ({row['pid']})" for row in brief)
        said.append(f"too briefly there to judge: {names}")
    if burst := report["overload"]:
        said.append(
            f"{burst['cameras']} cameras for {burst['seconds']:.0f} s: {burst['requests_per_second']} requests/s, "
            f"p50 {burst['p50_ms']} ms, p99 {burst['p99_ms']} ms, answers {burst['statuses']}, "
            f"slowest camera's share {burst['slowest_share']:.2f}, normal again after {burst['recovery_seconds']} s"
        )
    return "\n".join(said)
