"""`doorbell bench results`."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from cluster import supervisor
from cluster.cli.bench.interruptible import interruptible
from serve_apps.settings import load

HERE = Path("benchmarks/RESULTS.md")


def results(
    only: Annotated[str, typer.Option(help="Measure these and no others, such as engine,floor.")] = "",
    folder: Annotated[
        Path | None, typer.Option("--from", help="Measure nothing; write from the JSON in this folder.")
    ] = None,
    to: Annotated[Path, typer.Option(help="The file to write; plots go beside it.")] = HERE,
) -> int:
    """Every measurement, one after the other, and a file with all of them. Status 1 when one failed."""
    if not supervisor.inside():
        return supervisor.run_inside(["-m", "cluster.cli.main", *sys.argv[1:]])
    from benchmarks.results import keep, write

    names = _names(only)
    if folder is not None and (only or not folder.is_dir()):
        raise typer.BadParameter("--from takes a folder with NAME.json files, and no --only beside it")
    kept = folder or load().folder / "bench"
    if folder is None:
        kept.mkdir(parents=True, exist_ok=True, mode=0o700)
        with interruptible():
            for name in names:
                print(f"doorbell bench {name} …", file=sys.stderr, flush=True)
                keep(kept, name, *_measured(name, kept))
    outcomes = write(kept, to)
    failed = {name: outcome.failed for name, outcome in outcomes.items() if outcome.failed}
    for name, reason in failed.items():
        print(f"{name} failed: {reason}", file=sys.stderr)
    print(to)
    return 1 if failed else 0


def _names(only: str) -> list[str]:
    from benchmarks.sections import SECTIONS

    names = [name.strip() for name in only.split(",")] if only else list(SECTIONS)
    for name in names:
        if name not in SECTIONS:
            raise typer.BadParameter(f"'{name}' is no measurement; there are {', '.join(SECTIONS)}")
    return names


def _measured(name: str, folder: Path) -> tuple[str, int, str]:
    """What the command printed, its exit status and its last line on standard error, which is passed on as it comes."""
    from benchmarks.results import CURVE

    drawn = ["--plot", str(folder / CURVE)] if name == "accuracy" else []
    command = [sys.executable, "-m", "cluster.cli.main", "bench", name, "--json", *drawn]
    last = ""
    with tempfile.TemporaryFile("w+") as printed:
        process = subprocess.Popen(command, stdout=printed, stderr=subprocess.PIPE, text=True)
        try:
            assert process.stderr is not None
            for line in process.stderr:
                print(line, end="", file=sys.stderr, flush=True)
                last = line.strip() or last
            process.wait()
        except KeyboardInterrupt:
            process.terminate()
            process.wait()
            raise
        printed.seek(0)
        return printed.read(), process.returncode, last.removeprefix("doorbell: ")
