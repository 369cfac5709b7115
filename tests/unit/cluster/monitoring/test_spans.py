"""Journeys and notices as spans."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.monitoring.journey import Journey, Stage
from cluster.monitoring.sampling import Head
from cluster.monitoring.spans import Span, Told, keeps, keeps_notice, placed, span_of_notice, spans_of

FRAME = "6f9619ff-8b86-4d01-b42d-00cf4fc964ff"
TRACE = FRAME.replace("-", "")
NONE = Head(0.0, parent_based=False)
TOLD = Told("n1", FRAME, None, "mailto", "known", "delivered", 200.0, 200.1)


def journey(status: str = "recorded", total: float = 0.03, shift: float = 0.0) -> Journey:
    outer = [Stage("admit", 100.0, 0.001), Stage("lookup", 100.001, 0.001), Stage("recognize", 100.002, 0.02)]
    inner = [Stage("decode", 100.004 + shift, 0.001), Stage("embed", 100.005 + shift, 0.008)]
    last = [Stage("record", 100.022, 0.002), Stage("total", 100.0, total)]
    return Journey(began=100.0, frame_id=FRAME, camera_id="porch", status=status, stages=[*outer, *inner, *last])


def tree(spans: list[Span]) -> dict[str, str | None]:
    names = {span.span_id: span.name for span in spans}
    return {span.name: names.get(span.parent_id or "") for span in spans}


def test_a_frames_spans_are_a_tree_with_the_recognizers_stages_below_its_call() -> None:
    spans = spans_of(journey())

    posted = "POST /api/v1/frames"
    assert tree(spans) == {
        posted: None,
        **dict.fromkeys(("admit", "lookup", "recognize", "record"), posted),
        **dict.fromkeys(("decode", "embed"), "recognize"),
    }
    assert {span.trace_id for span in spans} == {TRACE}
    assert {span.name: span.service for span in spans}["embed"] == "doorbell-recognizer"
    assert (spans[0].began, spans[0].ended) == (100.0, pytest.approx(100.03))


def test_a_notice_hangs_below_the_answer_that_recorded_its_event() -> None:
    gateway, notice = spans_of(journey())[0], span_of_notice(TOLD)

    assert (notice.parent_id, notice.trace_id) == (gateway.span_id, gateway.trace_id)
    assert spans_of(journey("replayed"))[0].span_id != gateway.span_id


def test_the_senders_span_is_the_parent() -> None:
    sent = journey()
    sent.traceparent = f"00-{'ab' * 16}-{'cd' * 8}-01"

    assert (spans_of(sent)[0].trace_id, spans_of(sent)[0].parent_id) == ("ab" * 16, "cd" * 8)


def test_errors_and_slow_answers_are_kept_whatever_the_head_says() -> None:
    assert not keeps(NONE, journey())
    assert keeps(NONE, journey("failed"))
    assert keeps(NONE, journey(total=0.051))
    assert keeps(Head(), journey())
    assert keeps_notice(NONE, Told("n", FRAME, None, "mailto", "known", "retried", 0.0, 1.0))
    assert not keeps_notice(NONE, TOLD)


def test_only_what_failed_is_an_error() -> None:
    failed = journey("failed")
    failed.error = "recognizer-unavailable"

    assert spans_of(failed)[0].error == "recognizer-unavailable"
    assert spans_of(journey("refused"))[0].error == ""


def test_a_frame_that_was_refused_before_it_had_an_id_has_a_trace_too() -> None:
    spans = spans_of(Journey(began=1.0, status="failed", stages=[Stage("total", 1.0, 0.001)]))

    assert [span.name for span in spans] == ["POST /api/v1/frames"]


@given(st.floats(-1e6, 1e6))
def test_another_nodes_clock_puts_no_stage_outside_the_call(shift: float) -> None:
    found = journey(shift=shift)
    call = next(stage for stage in found.stages if stage.name == "recognize")
    inner = placed([stage for stage in found.stages if stage.name in ("decode", "embed")], call)

    assert all(call.began - 1e-6 <= stage.began for stage in inner)
    assert all(stage.began + stage.seconds <= call.began + call.seconds + 1e-6 for stage in inner)
