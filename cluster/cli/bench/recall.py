"""`doorbell bench recall`."""

from __future__ import annotations

from cluster.cli.bench.output import AsJson, show
from serve_apps.settings import load


def recall(as_json: AsJson = False) -> None:
    """Which faces are found: by the width of the face, and by the width that a frame is reduced to for detection."""
    from benchmarks.recall import as_json as fields
    from benchmarks.recall import measure, table

    report = measure(load().weights_folder)
    show(fields(report), table(report), as_json)
