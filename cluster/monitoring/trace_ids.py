"""Ids of traces and spans that every process works out for itself, so that none has to be handed on or kept.

The edge has the same rules in `edge/spans.py`; a test holds the two to each other.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_NIL = "0" * 32


@dataclass(frozen=True, slots=True)
class Parent:
    """What a valid `traceparent` says: 32 and 16 hex digits, and whether its sender keeps the trace."""

    trace_id: str
    span_id: str
    sampled: bool


def parent_of(traceparent: str | None) -> Parent | None:
    """The parent in a header that was found valid (`serve_apps/api/trace.py`)."""
    if traceparent is None:
        return None
    _, trace_id, span_id, flags = traceparent.split("-")[:4]
    return Parent(trace_id, span_id, bool(int(flags, 16) & 1))


def trace_id_of(traceparent: str | None, frame_id: str | None) -> str | None:
    """The trace that a frame belongs to: the sender's, else the frame's own. None where neither is known."""
    parent = parent_of(traceparent)
    if parent is not None:
        return parent.trace_id
    return None if frame_id is None else trace_of_frame(frame_id)


def trace_of_frame(frame_id: str) -> str:
    """A UUID's digits, as the edge does it; a digest of any other id."""
    digits = frame_id.replace("-", "")
    if _UUID.fullmatch(frame_id) and digits != _NIL:
        return digits
    return hashlib.blake2b(frame_id.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def span_id_of(trace_id: str, *what: str) -> str:
    """16 hex digits, the same for the same words."""
    return hashlib.blake2b("\0".join((trace_id, *what)).encode(), digest_size=8).hexdigest()


def gateway_span(trace_id: str, frame_id: str) -> str:
    """The gateway's span of the answer that recorded this frame: the parent of its notices."""
    return span_id_of(trace_id, "gateway", frame_id)
