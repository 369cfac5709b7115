"""`doorbell bench release`."""

from __future__ import annotations

import os
import sys
from typing import Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from cluster import supervisor
from cluster.cli.bench.interruptible import interruptible
from cluster.cli.bench.output import AsJson, show
from cluster.cli.bench.own_cluster import cluster_of_its_own, free_ports


def release(
    only: Annotated[str, typer.Option(metavar="TEXT,…", help="Only cases with one of these in their names.")] = "",
    as_json: AsJson = False,
) -> int:
    """Rollouts of sound and faulty releases while doors post: failed frames, latency, time to the old traffic.

    Status 1 when a case ends otherwise than it should, loses a frame or answers one wrongly.
    """
    if not supervisor.inside():
        return supervisor.run_inside(["-m", "cluster.cli.main", *sys.argv[1:]])
    from benchmarks.child import MeasurementFailed
    from benchmarks.planned import measure
    from benchmarks.release_cases import CASES, ENGINES, ENVIRONMENT, FAULTY, pack_all
    from benchmarks.release_runs import LIVE
    from benchmarks.releases import Cluster

    cases = [case for case in CASES if any(part in case.name for part in only.split(","))]
    if not cases:
        names = ", ".join(case.name for case in CASES)
        raise typer.BadParameter(f"no case has '{only}' in its name; there are {names}")
    say, ports = Console(stderr=True, markup=False, highlight=False, soft_wrap=True).print, free_ports()
    os.environ["DOORBELL_RELEASE_ENGINES"] = ",".join(f"{ENGINES}:{name}" for name in FAULTY.values())
    os.environ.update(ENVIRONMENT)
    try:
        with interruptible(), cluster_of_its_own(ports) as (url, key):
            places = ["--url", url, "--dashboard", f"http://127.0.0.1:{ports.dashboard}"]
            cluster = Cluster((url, key), places, say)
            pack_all(cluster)
            report = measure(cluster, cases, LIVE)
    except MeasurementFailed as error:
        print(f"doorbell: {error}", file=sys.stderr)
        return 1
    show(report, _table(report), as_json)
    otherwise = [case for case in report["cases"] if not case["as_expected"]]
    for case in otherwise:
        print(f"{case['name']}: {'; '.join(case['unexpected'])}", file=sys.stderr)
    return 1 if otherwise else 0


def _table(report: dict[str, Any]) -> Table:
    headings = ("case", "frames", "failed", "wrong", "max ms", "detected s", "old traffic s", "ended", "as expected")
    table = Table(*headings, title=report["machine"]["processor"], box=box.SIMPLE)
    for case in report["cases"]:
        numbers = (case["max_latency_ms"], case["seconds_to_detect"], case["seconds_to_old_traffic"])
        shown = ["-" if number is None else f"{number:.1f}" for number in numbers]
        counts = [str(case[name]) for name in ("requests", "failed_requests", "wrong_answers")]
        table.add_row(case["name"], *counts, *shown, case["ended"], "yes" if case["as_expected"] else "no")
    return table
