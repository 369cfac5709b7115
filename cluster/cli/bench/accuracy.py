"""`doorbell bench accuracy`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from cluster.cli.bench.output import AsJson, show
from serve_apps.settings import load

if TYPE_CHECKING:
    from benchmarks.accuracy import AccuracyReport
    from benchmarks.pairs import Pairs


def accuracy(
    pairs: Annotated[
        Path | None, typer.Option(help="A CSV with file_x, file_y, same; with --lfw its pairs.txt.")
    ] = None,
    images: Annotated[Path | None, typer.Option(help="The folder that the CSV's pictures are in.")] = None,
    lfw: Annotated[Path | None, typer.Option(help="A folder as LFW's: name/name_0001.jpg.")] = None,
    plot: Annotated[Path | None, typer.Option(help="Write the ROC curve here, as a PNG.")] = None,
    as_json: AsJson = False,
) -> None:
    """Verification accuracy on pairs of pictures, beside face_recognition; on all pairs of the samples without any."""
    if plot is not None:
        from benchmarks import roc_plot

        roc_plot.check_place(plot)
    chosen = chosen_pairs(pairs, images, lfw)
    settings = load()
    from benchmarks.accuracy import as_json as fields
    from benchmarks.accuracy import measure, table
    from serve_apps.recognition.detect import DetectorLimits
    from serve_apps.recognition.match import MatchRules

    console = Console(stderr=True)  # where nobody watches, a bar would leave an empty line beside an error's one
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("pictures", total=len(chosen.pictures))
        report = measure(
            chosen,
            settings.weights_folder,
            DetectorLimits().long_side,
            MatchRules().threshold,
            lambda done, total: progress.update(task, completed=done, total=total),
        )
    if plot is not None:
        draw(plot, report)
    show(fields(report), table(report), as_json)


def chosen_pairs(pairs: Path | None, images: Path | None, lfw: Path | None) -> Pairs:
    """What the options name. Raises BadPairs, BadParameter."""
    from benchmarks.lfw import read_lfw
    from benchmarks.pairs import read_csv, sample_pairs

    if lfw is not None:
        if images is not None:
            raise typer.BadParameter("--lfw names the folder with the pictures; leave --images out")
        return read_lfw(lfw, pairs)
    if pairs is None:
        if images is not None:
            raise typer.BadParameter("--images needs --pairs, a CSV that says which pictures to compare")
        return sample_pairs()
    return read_csv(pairs, images or pairs.parent)


def draw(file: Path, report: AccuracyReport) -> None:
    """The curves of both sides, with their areas."""
    from benchmarks import roc_plot

    sides = {"ours": report.ours, "face_recognition": report.reference}
    curves = {f"{name}, area {side.figures.auc or 0:.4f}": side.curve for name, side in sides.items()}
    impostors = len(report.pairs.pairs) - report.genuine
    roc_plot.write(file, curves, impostors, f"{report.genuine} pairs of one person, {impostors} of two")
