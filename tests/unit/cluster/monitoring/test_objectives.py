from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.monitoring.burn_rates import BURNS, alerts, recordings
from cluster.monitoring.objectives import Objective, ObjectivesError, load

GIVEN = {"name": "doors", "says": "Doors open", "target": 0.99, "all": "tries_total", "runbook": "docs/x.md"}


def test_good_events_are_taken_from_all_to_find_the_bad_ones() -> None:
    objective = Objective(**GIVEN, good='opened_total{door="front"}')
    assert objective.count_bad("rate", "5m") == (
        '(sum(rate(tries_total[5m])) - sum(rate(opened_total{door="front"}[5m])))'
    )


def test_where_nothing_bad_was_counted_there_is_none() -> None:
    assert Objective(**GIVEN, bad="stuck_total").count_bad("rate", "5m") == "(sum(rate(stuck_total[5m])) or vector(0))"


@pytest.mark.parametrize("both", [{}, {"good": "a_total", "bad": "b_total"}])
def test_an_objective_has_either_good_or_bad_events(both: dict[str, str], tmp_path: Path) -> None:
    file = tmp_path / "slo.yaml"
    file.write_text(f"objectives: [{ {**GIVEN, **both} }]")
    with pytest.raises(ObjectivesError, match="give good or bad, and not both"):
        load(file)


def test_a_file_that_is_no_list_of_objectives_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "slo.yaml").write_text("objectives: {a: [")
    with pytest.raises(ObjectivesError) as found:
        load(tmp_path / "slo.yaml")
    assert "\n" not in str(found.value)


@given(st.floats(0.5, 0.99999))
def test_each_alert_asks_for_so_many_times_the_budget(target: float) -> None:
    objective = Objective(**{**GIVEN, "target": target}, bad="stuck_total")
    (group,) = alerts([objective])
    for burn, rule in zip(BURNS, group.rules, strict=True):
        most = float(rule.expr.split("> ")[1].split("\n")[0])
        assert most == pytest.approx(burn.factor * (1 - target), rel=1e-4)


def test_every_window_of_an_alert_is_recorded() -> None:
    recorded = {rule.labels.get("window") for group in recordings(load()) for rule in group.rules}
    assert {window for burn in BURNS for window in (burn.long, burn.short)} <= recorded
