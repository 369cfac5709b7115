"""Spans of a box on their way to a collector."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Event

import pytest

from edge.health.otlp import MOST_WAITING, Export, Outbound, asked_for, share_of
from edge.spans import Span

SPAN = Span("trigger", "ab" * 16, "cd" * 8, None, 1.0, 2.0)


def test_what_waits_leaves_when_the_box_stops() -> None:
    got: list[Span] = []

    def export(spans: Sequence[Span]) -> bool:
        got.extend(spans)
        return True

    out = Outbound(lambda: export, every_s=3600)
    out.start()
    out.put([SPAN, SPAN])
    out.close(within_s=10)

    assert got == [SPAN, SPAN]
    assert out.dropped == {"full": 0, "unreachable": 0}


def test_a_collector_that_is_away_or_hangs_costs_spans_that_are_counted() -> None:
    asked, hangs = Event(), Event()

    def made() -> Export:
        def export(_: Sequence[Span]) -> bool:
            asked.set()
            hangs.wait(60)
            return False

        return export

    out = Outbound(made, every_s=0.01)
    out.start()
    out.put([SPAN])
    assert asked.wait(10)
    out.put([SPAN] * MOST_WAITING)
    out.put([SPAN, SPAN])
    hangs.set()
    out.close(within_s=10)

    assert out.dropped == {"full": 2, "unreachable": MOST_WAITING + 1}


def test_spans_are_made_only_where_somebody_asks() -> None:
    assert asked_for({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"})
    assert not asked_for({})
    assert not asked_for({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318", "OTEL_SDK_DISABLED": "TRUE"})


@pytest.mark.parametrize(
    ("sampler", "argument", "share"),
    [
        ("", "", 1.0),
        ("parentbased_traceidratio", "0.1", 0.1),
        ("always_off", "", 0.0),
        ("traceidratio", "many", 1.0),
        ("traceidratio", "-1", 1.0),
    ],
)
def test_the_standard_variables_say_which_share_is_kept(sampler: str, argument: str, share: float) -> None:
    assert share_of({"OTEL_TRACES_SAMPLER": sampler, "OTEL_TRACES_SAMPLER_ARG": argument}) == share
