"""Refusals that concern security, as events that are counted."""

from __future__ import annotations

from fastapi import Request

from cluster.monitoring.family import OTHER
from cluster.monitoring.meter import Meter
from cluster.monitoring.metrics import SECURITY

EVENTS = {
    "key-missing": "key_missing",
    "key-not-valid": "key_unknown",
    "scope-missing": "scope_missing",
    "too-many-wrong-codes": "guesses_refused",
    "code-not-valid": "code_unknown",
}
"""By the problem's kind."""


def note_refusal(request: Request, kind: str) -> None:
    """Count it, if it is one of these; by the tag of what was asked for."""
    if kind not in EVENTS:
        return
    event = "key_ended" if getattr(request.state, "key_ended", False) else EVENTS[kind]
    tags = getattr(request.scope.get("route"), "tags", None) or [OTHER]
    meter: Meter = request.app.state.parts.meter
    meter.add(SECURITY, event, tags[0], "refused")
