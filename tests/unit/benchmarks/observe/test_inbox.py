from __future__ import annotations

from typing import Any

from benchmarks.observe.inbox import Inbox

NOTHING = 0.01


def said(status: str, **labels: str) -> dict[str, Any]:
    return {"alerts": [{"status": status, "labels": labels, "annotations": {"value": "3"}}]}


def test_an_alert_is_found_by_its_labels_and_by_whether_it_is_over() -> None:
    told = Inbox()
    told.take(said("firing", alertname="A", device="x"))
    assert told.first({"alertname": "A"}, NOTHING) is not None
    assert told.first({"alertname": "A", "device": "y"}, NOTHING) is None
    assert told.first({"alertname": "A"}, NOTHING, firing=False) is None


def test_what_came_before_is_not_taken_for_news() -> None:
    told = Inbox()
    told.take(said("firing", alertname="A"))
    assert told.first({"alertname": "A"}, NOTHING, since=told.received[0].at + 1) is None
