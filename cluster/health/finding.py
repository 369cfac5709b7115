"""What a look at one part of the system found."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """`unknown`: something else that is away hides it."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Finding:
    """`evidence`: numbers and names in one line; `next_step`: what to do about it, empty where that is nothing."""

    state: State
    evidence: str
    next_step: str = ""


@dataclass(frozen=True, slots=True)
class Examined:
    """The finding of one part, after so many seconds."""

    part: str
    finding: Finding
    seconds: float


def ok(evidence: str) -> Finding:
    """As it should be."""
    return Finding(State.OK, evidence)


def warning(evidence: str, next_step: str) -> Finding:
    """It works, and somebody should look."""
    return Finding(State.WARNING, evidence, next_step)


def failed(evidence: str, next_step: str) -> Finding:
    """It does not work."""
    return Finding(State.FAILED, evidence, next_step)


def unknown(evidence: str, next_step: str = "") -> Finding:
    """It could not be seen."""
    return Finding(State.UNKNOWN, evidence, next_step)


def exit_status(report: Iterable[Examined]) -> int:
    """0: all is well; 1: warnings, or something could not be seen; 2: something has failed."""
    states = {each.finding.state for each in report}
    if State.FAILED in states:
        return 2
    return 1 if states - {State.OK} else 0
