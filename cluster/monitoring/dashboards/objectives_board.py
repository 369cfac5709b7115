"""The service level objectives of slo.yaml: what is left of each budget, and what spends it."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard, Row

from cluster.monitoring.burn_rates import MONTH
from cluster.monitoring.dashboards.panels import HALF, PER, QUARTER, board, lines, number, stacked
from cluster.monitoring.objectives import Objective, load


def objectives() -> Dashboard:
    """A row for each objective."""
    made = board("doorbell-objectives", "Doorbell: objectives", "What was promised, and what is left of it.", "now-7d")
    for objective in load():
        made = _row(made, objective)
    return made


def _row(made: Dashboard, objective: Objective) -> Dashboard:
    chosen = f'objective="{objective.name}"'
    month = f'slo_bad_share{{{chosen},window="{MONTH}"}}'
    short, long = (f'slo_bad_share{{{chosen},window="{window}"}} / {objective.budget:g}' for window in ("5m", "1h"))
    words, left = objective.name.replace("_", " ").capitalize(), f"slo_budget_left{{{chosen}}}"
    made = (
        made.with_row(Row(f"{words}: {100 * objective.target:g} %"))
        .with_panel(number("Budget left", "percentunit", left, width=QUARTER, says=objective.says))
        .with_panel(number("Bad in 30 days", "percentunit", month, [(objective.budget, "red")], width=QUARTER))
        .with_panel(
            lines("Burn rate", "short", {"1h": long, "5m": short}, width=HALF, says="1 spends the budget in 30 days.")
        )
    )
    if objective.by:
        said = " ".join(f"{{{{{label}}}}}" for label in objective.by)
        every = objective.count_all("rate", PER, objective.by)
        made = made.with_panel(stacked(f"Events of {words.lower()}", "cps", {said: every}))
    if objective.blame:
        said = " ".join(f"{{{{{label}}}}}" for label in objective.blame_by)
        blamed = f"sum by ({', '.join(objective.blame_by)}) (rate({objective.blame}[{PER}])) or vector(0)"
        made = made.with_panel(stacked(f"What spends the budget of {words.lower()}", "short", {said: blamed}))
    return made
