"""What a rollout changes: colours, replicas, weights and the lease in Serve's config."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from cluster.deployment.colours import Deployed, Lease, State
from cluster.deployment.control import Serve, ServeError
from cluster.deployment.replicas import least, running
from cluster.deployment.rollback import ServeOnly
from cluster.deployment.rollout import Rollout, Standing
from cluster.deployment.running import TakenBack
from cluster.deployment.serve_config import application_of, changed, state_of
from cluster.deployment.shares import PARTS, weight_for

TAKEN_SECONDS = 2.0
"""Within which every gateway has new weights: Serve's controller looks twice a second."""


class Changes:
    """`cameras` counts the newest events by camera; `standby` gives the traffic to a colour that stands there."""

    def __init__(self, serve: Serve, keep: Callable[[State], None], cameras: Callable[[], Counter[str]]) -> None:
        self._serve = serve
        self._cameras = cameras
        self.standby = ServeOnly(serve, keep)

    def state(self) -> State:
        """As Serve has it. Raises ServeError, StateError."""
        return state_of(self._serve.config())

    def standing(self, rollout: Rollout) -> Standing:
        state = self.state()
        if not _runs(state, rollout):
            return Standing.ABSENT
        return Standing.LIVE if state.live == rollout.colour else Standing.BESIDE

    def deploy(self, rollout: Rollout, epoch: int) -> None:
        state = self.state()
        releases = {state.live: state.releases[state.live], rollout.colour: Deployed(rollout.release, rollout.digest)}
        begun = replace(state, releases=releases, weights={state.live: PARTS}, lease=None, epoch=epoch)
        self._put(begun, running(self._serve, state.live))

    def grown(self, rollout: Rollout, epoch: int) -> bool:
        state = self.state()
        wanted = running(self._serve, state.live)
        if wanted <= least(self._serve.config(), rollout.colour):
            return False
        self._put(replace(state, epoch=epoch), wanted)
        return True

    def share(self, rollout: Rollout, percent: float, until: datetime, epoch: int) -> None:
        state = self.state()
        own = weight_for(percent, self._cameras(), application_of(rollout.colour), application_of(state.live))
        weights = {state.live: PARTS - own, rollout.colour: own}
        lease = Lease(until, {state.live: PARTS})
        self._give(rollout, replace(state, weights=weights, lease=lease, epoch=epoch))

    def renew(self, rollout: Rollout, until: datetime, epoch: int) -> None:
        state = self.state()
        self._give(rollout, replace(state, lease=Lease(until, {state.live: PARTS}), epoch=epoch))

    def _give(self, rollout: Rollout, state: State) -> None:
        self._must_run(state, rollout)
        self._put(state, least(self._serve.config(), rollout.colour))

    def finish(self, rollout: Rollout, epoch: int) -> None:
        self._must_run(self.state(), rollout)
        self.standby.finish(rollout.colour, epoch)

    def withdraw(self, rollout: Rollout, epoch: int) -> None:
        state = self.state()
        if not _runs(state, rollout):  # it never came so far, or no longer is there; whoever stands by stays
            if state.lease is not None:
                self._put(replace(state, weights={state.live: PARTS}, lease=None, epoch=epoch))
            return
        if state.live == rollout.colour:  # its command was killed when all was done
            if state.idle not in state.releases:
                raise TakenBack(f"{rollout.release} has the traffic, and no release stands by that could take it")
            self.standby.finish(state.idle, epoch)
            return
        back = replace(state, weights={state.live: PARTS}, lease=None, epoch=epoch)
        self._put(back, least(self._serve.config(), rollout.colour))
        time.sleep(TAKEN_SECONDS)  # a gateway that has not heard yet would ask replicas that end
        self._put(replace(back, releases={state.live: state.releases[state.live]}))

    def _must_run(self, state: State, rollout: Rollout) -> None:
        if not _runs(state, rollout):
            there = state.releases.get(rollout.colour)
            raise TakenBack(f"{rollout.colour} runs {there.name if there else 'nothing'} in place of {rollout.release}")

    def _put(self, state: State, replicas: int | None = None) -> None:
        """`replicas` of the idle colour. Raises ServeError when another controller has put something since."""
        config = self._serve.config()
        before = state_of(config)
        if before.epoch is not None and state.epoch is not None and before.epoch > state.epoch:
            raise ServeError(f"controller {before.epoch} has changed the cluster; this one, {state.epoch}, stops")
        self._serve.put(changed(config, state, replicas))


def _runs(state: State, rollout: Rollout) -> bool:
    there = state.releases.get(rollout.colour)
    return there is not None and there.name == rollout.release and there.digest in (None, rollout.digest)
