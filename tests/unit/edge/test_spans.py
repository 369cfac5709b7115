"""A frame's way through the box as spans."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from edge.camera import Frame
from edge.spans import Span, TracedOutcomes, upload_span

FrameMaker = Callable[..., Frame]


class Clock:
    """Goes on by 10 ms with each look."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        self.now += 0.01
        return self.now


@pytest.fixture
def sent() -> list[Span]:
    return []


@pytest.fixture
def traced(sent: list[Span]) -> TracedOutcomes:
    return TracedOutcomes(sent.extend, clock=Clock())


def by_name(spans: list[Span]) -> dict[str, Span]:
    return {span.name: span for span in spans}


def test_a_frame_is_a_tree_below_its_trigger(traced: TracedOutcomes, sent: list[Span], a_frame: FrameMaker) -> None:
    frame = a_frame()
    traced.captured(frame, 5.0)
    traced.taken(frame, 15.0)
    traced.sending(frame)
    traced.answered(frame, {}, 40.0)

    spans = by_name(sent)
    assert list(spans) == ["trigger", "capture", "spool", "upload"]
    assert spans["trigger"].parent_id is None
    assert {spans[name].parent_id for name in ("capture", "spool", "upload")} == {spans["trigger"].span_id}
    assert spans["upload"].span_id == upload_span(frame.frame_id)
    assert spans["trigger"].began == spans["capture"].began == pytest.approx(1000.005)
    assert spans["spool"].ended == pytest.approx(1000.02)
    assert spans["upload"].ended == spans["trigger"].ended == pytest.approx(1000.04)


def test_a_frame_of_an_earlier_process_has_its_upload(
    traced: TracedOutcomes, sent: list[Span], a_frame: FrameMaker
) -> None:
    frame = a_frame()
    traced.sending(frame)
    traced.sending(frame)
    traced.answered(frame, {}, 40.0)

    assert list(by_name(sent)) == ["trigger", "upload"]
    assert by_name(sent)["trigger"].attributes["doorbell.tries"] == 2
    assert by_name(sent)["trigger"].began == frame.captured_at.timestamp()


def test_refused_slow_and_repeated_frames_are_kept_whatever_the_head_says(
    sent: list[Span], a_frame: FrameMaker
) -> None:
    clock = Clock()
    traced, usual, refused, slow = TracedOutcomes(sent.extend, 0.0, clock), a_frame(), a_frame(), a_frame()
    for frame in (usual, refused, slow):
        traced.sending(frame)
        if frame is slow:
            clock.now += 0.06
        if frame is refused:
            traced.refused(frame, {"title": "no"})
        else:
            traced.answered(frame, {}, 1.0)

    roots = [span for span in sent if span.name == "trigger"]
    assert [span.error for span in roots] == ["no", ""]
    assert [span.attributes["doorbell.frame_id"] for span in roots] == [refused.frame_id, slow.frame_id]
