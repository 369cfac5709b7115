"""`doorbell bench observe`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from cluster import supervisor
from cluster.cli.bench.interruptible import interruptible
from cluster.cli.bench.output import AsJson, show
from cluster.cli.bench.own_cluster import cluster_of_its_own
from cluster.temporary import temp_folder
from serve_apps.settings import load

PARTS = {"on": 900.0, "off": 900.0, "cameras": 900.0, "alerts": 900.0, "latency": 7200.0, "rules": 2400.0}
"""What is measured in a process of its own, and the most seconds of it."""


def observe(
    pairs: Annotated[int, typer.Option(min=1, max=100, help="Of clusters, with instrumentation and without.")] = 4,
    seconds: Annotated[float, typer.Option(min=1, max=600, help="Of each run; a cluster has two.")] = 12.0,
    turns: Annotated[int, typer.Option(min=2, max=500, help="Of three clusters that run at once.")] = 100,
    only: Annotated[str, typer.Option(metavar="|".join(PARTS), help="One part, and its figures as JSON.")] = "",
    as_json: AsJson = False,
) -> int:
    """What metrics and timings cost: throughput and p99 with and without them, and the series of 1,000 cameras.

    And how long after a fault somebody is told, for each alert: `alerts` injects six into a real house, `rules` pushes
    the metrics of all others over. A pair takes about two minutes, a turn twenty seconds, the slowest rule half an
    hour: more than an hour in all.
    """
    if not supervisor.inside():
        return supervisor.run_inside(["-m", "cluster.cli.main", *sys.argv[1:]])
    from benchmarks.child import MeasurementFailed

    if only and only not in PARTS:
        raise typer.BadParameter(f"--only takes {', '.join(PARTS)}, not {only}")
    try:
        with interruptible():
            if only:
                print(json.dumps(_part(only, seconds, turns)))
                return 0
            report = _all(pairs, lambda part: _apart(part, seconds, turns))
    except MeasurementFailed as error:
        print(f"doorbell: {error}", file=sys.stderr)
        return 1
    show(report, _table(report), as_json)
    return 0


def _all(pairs: int, measured: Callable[[str], dict[str, Any]]) -> dict[str, Any]:
    from benchmarks.observe.measure import compared

    say = Console(stderr=True).print
    report = compared(measured, pairs, say)
    say("1,000 cameras …")
    report |= measured("cameras")
    say("clusters in turn …")
    report["latency"] = measured("latency")
    report["p99_delta_ms"] = report["latency"]["p99"]["delta_ms"]
    say("alerts …")
    report["alerts"] = [told for part in ("alerts", "rules") for told in measured(part)["alerts"]]
    return report


def _part(part: str, seconds: float, turns: int) -> dict[str, Any]:
    from benchmarks.observe import alerts, side_by_side
    from benchmarks.observe.measure import lived, thousand_cameras

    if part == "latency":
        return side_by_side.measure(load().folder, turns, Console(stderr=True).print)
    if part in ("alerts", "rules"):
        told = alerts.of_faults if part == "alerts" else alerts.of_metrics
        return {"alerts": told(load().folder)}
    os.environ["DOORBELL_INSTRUMENTATION"] = "off" if part == "off" else "on"
    with cluster_of_its_own() as (url, key):
        if part == "cameras":
            return thousand_cameras(url, key, temp_folder(load().folder))
        return lived(url, key, seconds)


def _apart(part: str, seconds: float, turns: int) -> dict[str, Any]:
    """In a process of its own: Ray reads its environment once for each. Raises MeasurementFailed."""
    from benchmarks.child import MeasurementFailed

    options = ["--only", part, "--seconds", str(seconds), "--turns", str(turns)]
    command = [sys.executable, "-m", "cluster.cli.main", "bench", "observe", *options]
    outside = {name: value for name, value in os.environ.items() if name != supervisor.INSIDE}
    most = PARTS[part] + 2 * seconds
    try:
        done = subprocess.run(command, env=outside, capture_output=True, text=True, timeout=most, check=False)
    except subprocess.TimeoutExpired:
        raise MeasurementFailed(f"the part '{part}' took longer than {most:.0f} s") from None
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["it said nothing"]
        raise MeasurementFailed(f"the part '{part}': {lines[-1]}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _table(report: dict[str, Any]) -> Table:
    table = Table("pair", "frames/s on / off", "ratio", "CPU", "p99 ms on / off", "delta", box=box.SIMPLE)
    for number, each in enumerate(report["pairs"], 1):
        rates = " / ".join(f"{each[switch]['many']['requests_per_second']:.1f}" for switch in ("on", "off"))
        p99 = " / ".join(f"{each[switch]['few']['p99_ms']:.1f}" for switch in ("on", "off"))
        ratios = f"{each['throughput_ratio']:.3f}", f"{each['cpu_ratio']:.3f}"
        table.add_row(str(number), rates, *ratios, p99, f"{each['p99_delta_ms']:+.1f}")
    least, most = report["latency"]["p99"]["between_ms"]
    table.caption = (
        f"{report['machine']['processor']}: {report['throughput_ratio']:.3f} of the throughput, "
        f"{report['cpu_ratio']:.3f} times the processor time a frame; in turns {report['p99_delta_ms']:+.2f} ms of p99 "
        f"(between {least:+.2f} and {most:+.2f}); "
        f"{report['series_at_1000_cameras']:,} series at 1,000 cameras, {report['series_in_all']:,} with Ray's own"
    )
    if report["disturbed"]:
        table.caption += (
            f"; other programs took up to {report['other_share']:.0%} meanwhile, so go by the processor time"
        )
    table.caption += "; told after " + ", ".join(map(_told, report["alerts"]))
    return table


def _told(alert: dict[str, Any]) -> str:
    pushed = " (its metric)" if alert["injected"] == "metric" else ""
    return f"{alert['seconds_to_receive'] or '-'} s of {alert['name']}{pushed}"
