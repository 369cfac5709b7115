"""What RESULTS.md and its pictures show of `doorbell bench autoscale`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.markdown import number, table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Report = Mapping[str, Any]
SHOWN = ("static peak", "Serve tuned", "ours")
_FIGURES = {"replica_hours": 1, "node_hours": 1, "starts": 0, "seconds_to_capacity": 0}


def section(report: Report) -> list[str]:
    """Policies by trace, then the forecasts."""
    rows = [
        (str(trace.get("name")), str(policy.get("name")), *_shares(policy), *_figures(policy))
        for trace in report.get("traces") or []
        for policy in trace.get("policies") or []
    ]
    columns = ("trace", "policy", "late %", "lost %", "replica hours", "node hours", "starts", "s to capacity")
    return [
        "Simulated on made-up loads, the same requests for every policy. Late: not answered within 50 ms; lost ones "
        "are late too. To capacity: from the step of the load until the replicas answer as many as come.",
        *table(columns, rows),
        "Forecasts: what each would have provided two minutes ahead, the share of requests that came when that was "
        "too little, and the mean error by the mean rate.",
        *table(("trace", "method", "replica hours", "missed %", "error %"), _forecasts(report)),
    ]


def draw(report: Report, folder: Path) -> list[tuple[str, Path]]:
    """A picture of each trace: load above, replicas below."""
    from matplotlib.figure import Figure

    drawn = []
    for trace in report.get("traces") or []:
        figure = Figure(figsize=(9, 5), dpi=110, layout="constrained")
        if not _trace(trace, figure):
            continue
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"autoscale-{str(trace['name']).replace(' ', '-')}.png"
        figure.savefig(path)
        drawn.append((f"Load and replicas: {trace['name']}", path))
    return drawn


def _trace(trace: Mapping[str, Any], figure: Figure) -> bool:
    series = trace.get("series") or {}
    hours, replicas = series.get("hours"), series.get("replicas") or {}
    if not hours or not replicas:
        return False
    above, below = figure.subplots(2, 1, sharex=True)
    above.plot(hours, series["per_s"], color="grey", linewidth=1)
    above.set_ylabel("requests/s")
    for name in (each for each in SHOWN if each in replicas):
        below.step(hours, replicas[name], where="post", label=name, linewidth=2 if name == "ours" else 1)
    below.set_ylabel("replicas")
    below.set_xlabel("hours")
    below.set_ylim(bottom=0)
    below.legend()
    for axes in (above, below):
        axes.grid(alpha=0.3)
    return True


def _shares(policy: Mapping[str, Any]) -> list[str]:
    return [_percent(policy.get(name)) for name in ("late_share", "lost_share")]


def _figures(policy: Mapping[str, Any]) -> list[str]:
    return [number(policy.get(name), digits) for name, digits in _FIGURES.items()]


def _forecasts(report: Report) -> list[tuple[str, ...]]:
    return [
        (
            str(each.get("trace")),
            str(each.get("method")),
            number(each.get("replica_hours")),
            _percent(each.get("missed_share")),
            _percent(each.get("error")),
        )
        for each in report.get("forecasts") or []
    ]


def _percent(share: Any) -> str:
    return number(share * 100.0, 2) if isinstance(share, int | float) else number(None)
