"""`doorbell bench floor`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from cluster.cli.bench.output import AsJson, show
from serve_apps.settings import load


def floor(
    seconds: Annotated[float, typer.Option(min=1, max=600, help="How long, after one of warm-up.")] = 10.0,
    as_json: AsJson = False,
) -> int:
    """The bare engine, one process for each core and no service around it, on the frames of `bench service`."""
    from benchmarks.child import MeasurementFailed
    from benchmarks.floor import measure

    load().weights_folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        measured = measure(seconds)
    except MeasurementFailed as error:
        print(f"doorbell: {error}", file=sys.stderr)
        return 1
    show(measured.as_json(), measured.table(), as_json)
    return 0
