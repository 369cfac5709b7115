"""Back to a release that was live before: to the one that stands by at once, to any other one as soon as it stands."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from cluster.deployment.colours import State
from cluster.deployment.control import Serve
from cluster.deployment.history import History, RolloutError
from cluster.deployment.rollout import ROLLBACK, Colour, Rollout, Step
from cluster.deployment.serve_config import changed, state_of
from cluster.deployment.shares import PARTS


class Standby(Protocol):
    """What a rollback to the release that stands by needs of the cluster."""

    def state(self) -> State:
        """As Serve has it."""

    def finish(self, colour: Colour, epoch: int) -> None:
        """It is the live one; the other stands by."""


class ServeOnly:
    """A cluster of which nothing but Serve's config is needed: neither an API key nor golden frames."""

    def __init__(self, serve: Serve, keep: Callable[[State], None]) -> None:
        self._serve = serve
        self._keep = keep

    def state(self) -> State:
        """As Serve has it. Raises ServeError, StateError."""
        return state_of(self._serve.config())

    def finish(self, colour: Colour, epoch: int) -> None:
        """It is the live one; the other stands by with one replica. Raises ServeError, StateError."""
        config = self._serve.config()
        before = state_of(config)
        done = replace(before, live=colour, weights={colour: PARTS}, lease=None, epoch=epoch)
        self._serve.put(changed(config, done))
        self._keep(done)


def must_be_free(history: History) -> None:
    """Raises RolloutError while a rollout has not ended."""
    if history.unfinished() is not None:
        raise RolloutError("a rollout has not ended; 'doorbell release resume --back' takes it back")


def to_standby(cluster: Standby, history: History, number: int, now: datetime, why: str) -> Rollout:
    """All traffic to the release that stands by; what is kept of it. Raises RolloutError when there is none."""
    must_be_free(history)
    before = cluster.state()
    if before.idle not in before.releases:
        raise RolloutError("no release stands by; 'doorbell release deploy NAME' brings another one")
    cluster.finish(before.idle, number)
    release = before.releases[before.idle]
    row = new_row(release.name, release.digest or "", before, Step.COMPLETED, now, _said(why, before))
    return history.write(row, number, now)


def known_digest(name: str, state: State, history: History) -> str | None:
    """With which digest a release was live that must be started first, an empty line where that is not known.

    None for the one that stands by. Raises RolloutError for one that is live, and for one that never was.
    """
    if state.releases[state.live].name == name:
        raise RolloutError(f"{name} is live already")
    standing = state.releases.get(state.idle)
    if standing is not None and standing.name == name:
        return None
    known = history.was_live(name)
    if known is None:
        raise RolloutError(f"{name} was never live; 'doorbell release deploy {name}' proves it first")
    return known


def begun(name: str, known: str, digest: str, state: State, now: datetime, why: str) -> Rollout:
    """A rollback that starts its release first, for a Driver. Raises RolloutError when `digest` is another one's."""
    if known not in ("", digest):
        raise RolloutError(f"the registry's {name} is another one than was live; pack it under a name of its own")
    return new_row(name, digest, state, Step.PREPARING, now, _said(why, state))


def new_row(name: str, digest: str, state: State, step: Step, now: datetime, why: str) -> Rollout:
    """A row of the history for a rollback from `state`."""
    before = state.releases[state.live].name
    return Rollout(os.urandom(8).hex(), name, digest, state.idle, before, step, 0, ROLLBACK, now, now, why)


def _said(why: str, before: State) -> str:
    return f"{why}, from {before.releases[before.live].name}"
