"""A real Alertmanager with our config: what is told, to whom, and what is not because of something graver."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import httpx
import pytest

from benchmarks.observe.inbox import Inbox, inbox
from benchmarks.observe.outside import ALERTMANAGER, teller
from cluster.monitoring.receivers import Escalation, Receiver, Receivers, Webhook
from tests.conftest import missing

ESCALATES = 25
"""Seconds; a page's group waits for ten, and what ended is over before others are told."""


class Told:
    """An Alertmanager, who is on duty, and who is told when nobody reacts."""

    def __init__(self, url: str, duty: Inbox, others: Inbox) -> None:
        self.url = url
        self.duty = duty
        self.others = others

    def post(self, name: str, severity: str = "page", *, over: bool = False, **labels: str) -> None:
        alert: dict = {"labels": {"alertname": name, "severity": severity} | labels, "annotations": {}}
        if over:
            alert["endsAt"] = datetime.now(UTC).isoformat()
        httpx.post(f"{self.url}/api/v2/alerts", json=[alert]).raise_for_status()


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    """What happened in half a minute, after which all has been told that will be."""
    if not any(map(shutil.which, ALERTMANAGER)):
        missing("alertmanager is not installed; on Debian: apt-get install prometheus-alertmanager")
    with inbox() as duty, inbox() as others:
        receivers = {
            "duty": Receiver(webhook=Webhook(url=duty.url)),
            "others": Receiver(webhook=Webhook(url=others.url)),
        }
        who = Receivers(
            receivers=receivers,
            tell={"page": ("duty",), "ticket": ("duty",)},
            escalate=Escalation(after=f"{ESCALATES}s", tell=("others",)),
        )
        with teller(tmp_path_factory.mktemp("alertmanager"), who) as url:
            told = Told(url, duty, others)
            told.post("NodeDown", node="10.0.0.2")
            for name in ("PipelineWorkerDown", "HighErrorRate", "HighMemoryUsage"):
                told.post(name)
            assert duty.first({"alertname": "HighMemoryUsage"}, 30)
            told.post("HighMemoryUsage", over=True)
            assert others.first({"alertname": "HighErrorRate"}, 60)
            assert others.first({"alertname": "NodeDown"}, 60)
            time.sleep(1)  # for whatever comes with it
            yield told


def names(box: Inbox) -> set[str]:
    return {each.labels["alertname"] for each in box.received}


def test_what_follows_from_a_node_that_is_gone_is_not_told(told: Told) -> None:
    assert {"NodeDown", "HighErrorRate"} <= names(told.duty)
    assert "PipelineWorkerDown" not in names(told.duty) | names(told.others)


def test_a_page_that_nobody_ends_is_told_to_others_and_one_that_ended_is_not(told: Told) -> None:
    assert names(told.others) == {"NodeDown", "HighErrorRate"}
