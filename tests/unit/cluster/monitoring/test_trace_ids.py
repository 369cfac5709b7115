"""Ids that every process works out for itself."""

from __future__ import annotations

import re
import uuid

from hypothesis import given
from hypothesis import strategies as st

from cluster.monitoring.trace_ids import Parent, gateway_span, parent_of, trace_id_of, trace_of_frame
from edge import spans as edge
from edge.upload.gateway import traceparent

HEX = {size: re.compile(f"[0-9a-f]{{{size}}}") for size in (16, 32)}


@given(st.uuids(version=4))
def test_edge_and_cluster_find_the_same_trace(frame: uuid.UUID) -> None:
    sent = traceparent(str(frame))

    assert trace_of_frame(str(frame)) == edge.trace_of(str(frame)) == trace_id_of(sent, "another")
    assert parent_of(sent) == Parent(frame.hex, edge.upload_span(str(frame)), sampled=True)


@given(st.text(min_size=1, max_size=64))
def test_any_frame_id_has_a_trace_and_a_span_that_standards_allow(frame_id: str) -> None:
    trace = trace_of_frame(frame_id)

    assert HEX[32].fullmatch(trace)
    assert trace != "0" * 32
    assert HEX[16].fullmatch(gateway_span(trace, frame_id)) if frame_id.isascii() else True


def test_two_frames_of_one_trace_have_spans_of_their_own() -> None:
    assert gateway_span("ab" * 16, "one") != gateway_span("ab" * 16, "two")


def test_the_senders_trace_comes_before_the_frames_own() -> None:
    sent = f"00-{'ab' * 16}-{'cd' * 8}-00"

    assert trace_id_of(sent, str(uuid.uuid4())) == "ab" * 16
    assert parent_of(sent) == Parent("ab" * 16, "cd" * 8, sampled=False)
    assert trace_id_of(None, None) is None
