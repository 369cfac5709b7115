"""Spans on their way to a collector."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from threading import Event

import pytest

from cluster.monitoring.otlp import FULL, UNREACHABLE, Outbound, wanted
from cluster.monitoring.spans import Span


def span(name: str) -> Span:
    return Span(name, "ab" * 16, "cd" * 8, None, 1.0, 2.0, "doorbell-gateway")


class Collector:
    def __init__(self) -> None:
        self.got: list[str] = []
        self.is_away = False

    def export(self, spans: Sequence[Span]) -> bool:
        if not self.is_away:
            self.got += [each.name for each in spans]
        return not self.is_away


@pytest.fixture
def lost() -> Counter[str]:
    return Counter()


def outbound(collector: Collector, lost: Counter[str], most: int = 10) -> Outbound[str]:
    return Outbound(
        lambda name: [span(name)] * 2, lambda _: 2, collector.export, lambda r, n: lost.update({r: n}), most
    )


def test_what_waits_leaves_when_it_is_closed(lost: Counter[str]) -> None:
    out = outbound(collector := Collector(), lost)
    out.start(every=3600)
    out.put("one")
    out.put("two")
    out.close(seconds=10)

    assert collector.got == ["one", "one", "two", "two"]
    assert not lost


def test_spans_that_no_collector_takes_are_counted(lost: Counter[str]) -> None:
    out = outbound(collector := Collector(), lost)
    collector.is_away = True
    out.put("one")
    out.send()
    collector.is_away = False
    out.put("two")
    out.send()

    assert (collector.got, lost) == (["two", "two"], {UNREACHABLE: 2})


def test_a_collector_that_hangs_keeps_nobody_waiting(lost: Counter[str]) -> None:
    hangs, asked = Event(), Event()

    def export(_: Sequence[Span]) -> bool:
        asked.set()
        return hangs.wait(60)

    out: Outbound[str] = Outbound(lambda n: [span(n)], lambda _: 1, export, lambda r, n: lost.update({r: n}), 3)
    out.start(every=0.01)
    out.put("hanging")
    assert asked.wait(10)
    for number in range(5):
        out.put(str(number))
    hangs.set()
    out.close(seconds=10)

    assert lost == {FULL: 2}


@pytest.mark.parametrize(
    ("environment", "answer"),
    [
        ({}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c:4318/v1/traces"}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "OTEL_SDK_DISABLED": "true"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "OTEL_TRACES_EXPORTER": "none"}, False),
    ],
)
def test_spans_are_made_only_where_somebody_asks(environment: dict[str, str], answer: bool) -> None:
    assert wanted(environment) is answer
