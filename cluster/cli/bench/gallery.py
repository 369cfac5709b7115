"""`doorbell bench gallery`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console

from cluster.cli.bench.output import AsJson, show
from cluster.preflight import CannotStart
from serve_apps.settings import load

LARGEST = 5_000_000


def gallery(
    sizes: Annotated[
        str, typer.Option(help="How many embeddings, one run for each; a million takes minutes and 2.5 GB of disk.")
    ] = "1000,10000,100000,1000000",
    as_json: AsJson = False,
) -> None:
    """Galleries of made-up faces: seconds until ready after a restart, memory, time and recall of a search."""
    from benchmarks.gallery import GalleryRunFailed, measure, table

    counts = _counts(sizes)
    folder = load().folder
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        report = measure(counts, folder, Console(stderr=True).print)
    except GalleryRunFailed as error:
        raise CannotStart(str(error)) from error
    show(asdict(report), table(report), as_json)


def _counts(sizes: str) -> list[int]:
    try:
        counts = [int(size) for size in sizes.split(",")]
    except ValueError:
        raise typer.BadParameter(f"'{sizes}' is no list of numbers such as 1000,10000") from None
    if not all(2 <= count <= LARGEST for count in counts):
        raise typer.BadParameter(f"a gallery that can be measured has 2 to {LARGEST} embeddings")
    return counts
