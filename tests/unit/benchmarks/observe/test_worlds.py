from __future__ import annotations

from typing import Any

import yaml

from benchmarks.observe.faults import FAULTS
from benchmarks.observe.made_up_nodes import PAST_SECONDS, counts, falls, stamp_stops
from benchmarks.observe.worlds import worlds
from cluster.monitoring import rule_files
from cluster.monitoring.metrics import FAMILIES
from cluster.monitoring.plain_names import plain_names

HOURS = ("1d", "3d")
"""Windows of tickets that take hours by design."""


def alerts() -> list[dict[str, Any]]:
    files = [file for file in rule_files.all_files() if file.parent.name == "alerts"]
    groups = [group for file in files for group in yaml.safe_load(file.read_text())["groups"]]
    return [rule for group in groups for rule in group["rules"]]


def test_every_alert_has_a_fault_or_a_world_in_which_it_must_be_heard_of() -> None:
    faults = {fault.alert for fault in FAULTS}
    awaited = [labels for world in worlds(0.0) for labels in world.told]
    for rule in alerts():
        said = {"alertname": rule["alert"], **rule["labels"]}
        if said.get("window") not in HOURS and rule["alert"] not in faults:
            assert any(labels.items() <= said.items() for labels in awaited), said


def test_nothing_is_awaited_that_no_rule_says() -> None:
    rules = [{"alertname": rule["alert"], **rule["labels"]} for rule in alerts()]
    for world in worlds(0.0):
        for labels in world.told:
            assert any(labels.items() <= rule.items() for rule in rules), labels


def test_made_up_nodes_say_no_series_that_a_real_one_would_not() -> None:
    known = {rule.expr for rule in plain_names(FAMILIES).rules}
    said = {name.partition("{")[0] for world in worlds(0.0) for node in world.nodes for name in node.series}
    assert {name for name in said if not name.startswith("ray_backup_")} - known == {"haproxy_up"}


def test_a_counter_goes_on_from_its_past() -> None:
    failed = counts(2, 5)
    assert [failed(t) for t in (-PAST_SECONDS, -1, 0, 10)] == [
        0,
        2 * (PAST_SECONDS - 1),
        2 * PAST_SECONDS,
        2 * PAST_SECONDS + 50,
    ]


def test_a_gauge_falls_and_a_time_stands_still_from_the_fault_on() -> None:
    assert [falls(100, 3)(t) for t in (-5, 0, 5)] == [100, 100, 85]
    assert [stamp_stops(1000, age=10)(t) for t in (-5, 0, 5)] == [985, 990, 990]
