"""`doorbell bench backends`."""

from __future__ import annotations

from typing import Annotated

import typer

from cluster.cli.bench.output import AsJson, show
from serve_apps.settings import load


def backends(
    rounds: Annotated[int, typer.Option(min=1, help="Passes over every face.")] = 10, as_json: AsJson = False
) -> None:
    """Detection and embedding by onnxruntime and OpenVINO, in fp32, bf16 and int8: CPU time and loss of accuracy."""
    from benchmarks.backends import as_json as fields
    from benchmarks.backends import measure, table

    report = measure(load().weights_folder, rounds)
    show(fields(report), table(report), as_json)
