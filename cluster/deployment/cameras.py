"""The faces at each camera and how long its answers take, asked of the application: what drift.py and judge.py need."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cluster.deployment.colours import State
from cluster.deployment.drift import Compared
from cluster.deployment.usual import Usual
from cluster.deployment.visits import BIN_SECONDS, Bin

OBSERVATIONS = "/api/v1/releases/observations"
PATH = f"{OBSERVATIONS}/cameras"

PAST_EVENTS = 100_000
"""Before a mark: among these the newest of the live release are looked at."""


@dataclass(frozen=True, slots=True)
class Mark:
    """Where in the events and the failed tries a look begins."""

    seq: int
    failure: int


def compared(
    asked: Callable[..., Any],
    state: State,
    threshold: Callable[[str], float],
    release: str,
    before: object,
    since: object,
    *,
    alone: bool,
) -> Compared:
    """`asked` takes method and path, and gives the answer's JSON; `threshold` is the largest matched distance of a
    release; both marks are a Mark.
    """
    assert isinstance(before, Mark)
    assert isinstance(since, Mark)

    def bins(**bounds: int) -> list[Bin]:
        found = asked("GET", PATH, params=bounds | {"seconds": BIN_SECONDS})
        return [Bin(**each) for each in found["bins"]]

    live = state.releases[state.live].name
    thresholds = {name: threshold(name) for name in (live, release)}
    return Compared(live, release, bins(until_seq=before.seq), bins(since_seq=since.seq), thresholds, alone)


def usual(asked: Callable[..., Any], live: str, before: Mark) -> Usual:
    """How long the live release's answers took at each camera before a mark; `asked` is as of `compared`."""
    bounds = {"since_seq": max(0, before.seq - PAST_EVENTS), "until_seq": before.seq}
    found = asked("GET", OBSERVATIONS, params=bounds)["releases"]
    theirs: dict[str, Any] = next((each for each in found if each["release"] == live), {})
    return Usual(theirs.get("recognize_ms", []), theirs.get("cameras", []))
