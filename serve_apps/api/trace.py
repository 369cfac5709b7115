"""The trace that a request belongs to, by W3C Trace Context (https://www.w3.org/TR/trace-context/)."""

from __future__ import annotations

import re

from fastapi import Request

_FORM = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-.*)?")
_NO_TRACE, _NO_PARENT = "0" * 32, "0" * 16


def trace_id(traceparent: str) -> str | None:
    """The trace id, 32 hex digits; None for a header that the standard calls invalid."""
    found = _FORM.fullmatch(traceparent)
    if found is None or found[2] == _NO_TRACE or found[3] == _NO_PARENT:
        return None
    # Later versions may add fields at the end; the first one has none, and ff is no version.
    wrong = found[1] == "ff" or (found[1] == "00" and found[4] is not None)
    return None if wrong else found[2]


def trace_of(request: Request) -> str | None:
    """The trace id of this request; one that names several traces belongs to none."""
    given = request.headers.getlist("traceparent")
    return trace_id(given[0]) if len(given) == 1 else None
