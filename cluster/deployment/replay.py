"""The same recent frames through two recognizers, by the application's API."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from cluster.deployment.shadow import Pair, Said

AT_ONCE = 16
"""Frames in one request."""

MOST = 100
"""A recognizer takes one at a time, between the frames of the traffic: a few seconds for all."""


def replayed(ask: Callable[..., Any], live: str, new: str) -> Iterator[list[Pair]]:
    """The newest frames through the applications `live` and `new`, some at a time.

    `ask` takes a method, a path and httpx's options, and gives the answer's JSON.
    """
    before, asked = None, 0
    while asked < MOST:
        wanted = {"frames": min(AT_ONCE, MOST - asked)}
        theirs = ask("POST", _path(live), json=wanted | ({} if before is None else {"before": before}))
        frames = {each["event_id"]: each for each in theirs["frames"]}
        if not frames:
            return
        # From the newest of these on, as others may have come meanwhile; one that was removed has no pair.
        newest = max(each["number"] for each in frames.values())
        ours = ask("POST", _path(new), json=wanted | {"before": newest + 1})
        yield [_pair(frames[each["event_id"]], each) for each in ours["frames"] if each["event_id"] in frames]
        asked, before = asked + len(frames), theirs["before"]
        if before is None:
            return


def image_path(event_id: str) -> str:
    """Where the frame itself is."""
    return f"/api/v1/releases/recent-frames/{event_id}/img"


def _path(application: str) -> str:
    return f"/api/v1/releases/{application}/replay"


def _pair(theirs: dict[str, Any], ours: dict[str, Any]) -> Pair:
    return Pair(theirs["event_id"], theirs["camera_id"], theirs["captured_at"], _said(theirs), _said(ours))


def _said(answer: dict[str, Any]) -> Said:
    return Said(answer["verdict"], tuple(sorted(answer["who"])), answer["milliseconds"])
