"""`doorbell bench engine`."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from cluster.cli.bench.output import AsJson, show
from serve_apps.settings import load


def engine(
    rounds: Annotated[int, typer.Option(min=1, help="Passes over every picture.")] = 5, as_json: AsJson = False
) -> None:
    """Our engine and face_recognition side by side: one process, one thread, the sample photographs."""
    from benchmarks.engine import as_json as fields
    from benchmarks.engine import measure, table

    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("pictures")
        report = measure(
            load().weights_folder,
            rounds,
            progress=lambda done, total: progress.update(task, completed=done, total=total),
        )
    show(fields(report), table(report), as_json)
