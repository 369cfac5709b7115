"""Rules made of the objectives: shares of bad events by window, what is left of the budget, and burn-rate alerts.

Windows and factors are those of Google's SRE workbook, chapter 5, "Multiwindow, Multi-Burn-Rate Alerts": a page at 2 %
of a month's budget in an hour or 5 % in six, a ticket at 10 % in a day or three.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from cluster.monitoring.objectives import Objective
from cluster.monitoring.rules import Alert, Group, Recording

EVERY_SECONDS = 30
"""Between two looks at the shares."""

FROM_COUNTERS = ("5m", "30m", "1h", "2h", "6h")
FROM_RATES = ("1d", "3d", "30d")
"""Of these windows a counter has too many samples to be read every half minute."""

MONTH = "30d"


@dataclass(frozen=True, slots=True)
class Burn:
    """Alerts when both windows burn so many times as fast as the budget allows; the short one ends it soon."""

    long: str
    short: str
    factor: float
    severity: str
    lasting: str


BURNS = (
    Burn("1h", "5m", 14.4, "page", "1m"),
    Burn("6h", "30m", 6.0, "page", "5m"),
    Burn("1d", "2h", 3.0, "ticket", "15m"),
    Burn("3d", "6h", 1.0, "ticket", "30m"),
)


def recordings(objectives: Iterable[Objective]) -> list[Group]:
    """`slo_bad_share`, `slo_bad_events` and `slo_events` by objective and window, `slo_target`, `slo_budget_left`.

    A window without events has no share.
    """
    return [Group(f"slo-{each.name}", tuple(_recordings(each)), f"{EVERY_SECONDS}s") for each in objectives]


def alerts(objectives: Iterable[Objective]) -> list[Group]:
    """One group of burn-rate alerts for each objective."""
    return [Group(f"slo-{each.name}", tuple(_alert(each, burn) for burn in BURNS)) for each in objectives]


def _recordings(objective: Objective) -> Iterator[Recording]:
    named = {"objective": objective.name}
    yield Recording("slo_target", f"vector({objective.target})", named)
    yield Recording("slo_rate", objective.count_all("rate", "5m"), named)
    yield Recording("slo_bad_rate", objective.count_bad("rate", "5m"), named)
    for window in FROM_COUNTERS:
        yield from _shares(objective, window, objective.count_all("increase", window), _bad(objective, window))
    for window in FROM_RATES:
        yield from _shares(objective, window, *(_over_time(each, objective, window) for each in ("rate", "bad_rate")))
    month = f'slo_bad_share{{objective="{objective.name}",window="{MONTH}"}}'
    yield Recording("slo_budget_left", f"1 - max({month}) / {objective.budget:g}", named)


def _shares(objective: Objective, window: str, counted: str, bad: str) -> Iterator[Recording]:
    labels = {"objective": objective.name, "window": window}
    chosen = f'{{objective="{objective.name}",window="{window}"}}'
    yield Recording("slo_events", counted, labels)
    yield Recording("slo_bad_events", bad, labels)
    yield Recording("slo_bad_share", f"slo_bad_events{chosen} / (slo_events{chosen} > 0)", labels)


def _bad(objective: Objective, window: str) -> str:
    return objective.count_bad("increase", window)


def _over_time(rate: str, objective: Objective, window: str) -> str:
    chosen = f'slo_{rate}{{objective="{objective.name}"}}'
    return f"sum(sum_over_time({chosen}[{window}])) * {EVERY_SECONDS}"


def _alert(objective: Objective, burn: Burn) -> Alert:
    most = f"{burn.factor * objective.budget:g}"
    long, short = (f'{{objective="{objective.name}",window="{window}"}}' for window in (burn.long, burn.short))
    expr = (
        f"slo_bad_share{long} > {most}\n"
        f"and on (objective) slo_bad_share{short} > {most}\n"
        f"and on (objective) slo_bad_events{long} >= {objective.at_least}"
    )
    words, may = objective.name.replace("_", " "), f"{100 * objective.budget:.3g}"
    annotations = {
        "summary": f"The error budget of {words} burns {burn.factor:g} times as fast as it may",
        "value": f"{{{{ $value | humanizePercentage }}}} of {burn.long} were bad, {may} % may be",
        "description": objective.says,
        "runbook": objective.runbook,
    }
    labels = {"severity": burn.severity, "window": burn.long}
    return Alert(f"{objective.title}BudgetBurns", expr, burn.lasting, labels, annotations)
