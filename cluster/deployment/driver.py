"""Takes a rollout from step to step: what it does to the cluster goes through `Cluster`, what it sees comes from there.

Each step may be done again from its beginning, and is written down before it is begun; so a controller that was
killed goes on where it was, or takes the release back.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol

from cluster.deployment.control import ServeError
from cluster.deployment.drift import Compared, Looks
from cluster.deployment.health import Health
from cluster.deployment.history import History
from cluster.deployment.judge import Seen, judge
from cluster.deployment.rollout import FOLLOWS, Colour, Rollout, Step, resumed
from cluster.deployment.shadow import Pair
from cluster.deployment.validate import Limits, Tried, together
from cluster.deployment.validation import Validation

POLL_SECONDS = 0.5
ALL = 100.0
START_SECONDS = 180.0
"""For a colour's replicas: weights are fetched, graphs built, the gallery read."""

REPLAY_SECONDS = 30.0
UNWATCHED = "nobody watched it any more, so its share of the traffic had ended by itself"

LEASE_SPARE = timedelta(seconds=20)
"""What a lease lasts longer than its step: a controller that is killed and started again finds it still running."""


class ApplicationError(Exception):
    """The application's API did not answer as it should."""


class TakenBack(Exception):
    """Why a release is not to have the traffic."""


class Cluster(Protocol):
    """What a rollout does to the cluster. Every method raises an error of one line when the cluster does not answer."""

    def prepare(self, release: str, colour: Colour) -> None:
        """Make sure that it could run: verified, room, gallery. Raises TakenBack."""

    def deploy(self, release: str, digest: str, colour: Colour, epoch: int) -> None:
        """Start it beside the live one, without traffic."""

    def trouble(self, colour: Colour) -> str | None:
        """What is wrong with the colour, if anything is; an empty line while it is still starting."""

    def share(self, colour: Colour, percent: float, until: datetime | None, epoch: int) -> None:
        """Give it so much of the traffic; from `until` on gateways go back by themselves."""

    def seen(self, release: str, since: object) -> tuple[Seen, Seen]:
        """Of the live release and of this one, since a mark."""

    def mark(self) -> object:
        """Now, for `seen` and `compared`."""

    def compared(self, release: str, before: object, since: object, *, alone: bool) -> Compared:
        """The faces at each camera, `before` one mark and `since` another."""

    def finish(self, colour: Colour, epoch: int) -> None:
        """It is the live one; the other stands by with one replica."""

    def withdraw(self, release: str, colour: Colour, epoch: int) -> None:
        """All traffic to the live release, at once; then this one ends. What was never deployed changes nothing."""

    def deciding(self, release: str) -> str | None:
        """None when `release` decides the events of the public address, else what is wrong; it must be ready, too."""

    def tried(self, colour: Colour | None) -> Tried:
        """Every golden frame once through this colour, or the live one."""

    def replayed(self, colour: Colour) -> Iterator[list[Pair]]:
        """Recent frames through the live release and this colour, some at a time."""


class Driver:
    """Drives one rollout with one claim."""

    def __init__(
        self,
        rollout: Rollout,
        number: int,
        history: History,
        cluster: Cluster,
        clock: Callable[[], datetime],
        sleep: Callable[[float], None],
        say: Callable[[Rollout, str], None],
        limits: Limits = Limits(),
        report: Callable[[Validation], None] = lambda _: None,
    ) -> None:
        self._rollout = rollout
        self._number = number
        self._history = history
        self._cluster = cluster
        self._clock = clock
        self._sleep = sleep
        self._say = say
        self._limits = limits
        self._report = report
        self._health = Health()
        self._baseline: object = None
        """Before the switch: at 100 % the live release is judged by what it did from here on."""

    def run(self, lease_until: datetime | None = None) -> Rollout:
        """To the end. Raises RolloutError when another controller has taken over."""
        step = resumed(self._rollout, lease_until, self._clock())
        unwatched = step is Step.ROLLING_BACK and self._rollout.step is Step.SWITCHING
        self._move(step, UNWATCHED if unwatched else self._rollout.why)
        while not self._rollout.step.ended:
            try:
                _STEPS[self._rollout.step](self)
            except (TakenBack, ApplicationError, ServeError) as reason:
                if self._rollout.step is Step.ROLLING_BACK:
                    raise
                self._move(Step.ROLLING_BACK, str(reason))
            else:
                self._move(FOLLOWS[self._rollout.step], self._rollout.why)
        return self._rollout

    def _prepare(self) -> None:
        self._tell("checking signature, digests, licences and room; embedding the gallery where it has to be")
        self._cluster.prepare(self._rollout.release, self._rollout.colour)

    def _deploy(self) -> None:
        self._tell(f"starting it as {self._rollout.colour}, beside the live release")
        self._cluster.deploy(self._rollout.release, self._rollout.digest, self._rollout.colour, self._number)
        for _ in self._for(START_SECONDS):
            trouble = self._cluster.trouble(self._rollout.colour)
            if trouble:
                raise TakenBack(f"{self._rollout.release} did not start: {trouble}")
            if trouble is None:
                return
        raise TakenBack(f"{self._rollout.release} did not start within {START_SECONDS:.0f} s")

    def _validate(self) -> None:
        if self._rollout.is_rollback:
            return  # it was live before, and time counts
        proving = self._rollout.plan.prove_seconds
        self._tell(f"golden frames for {proving:.0f} s, before traffic comes")
        self._baseline = self._cluster.mark()
        live, rounds = together([self._cluster.tried(None), self._cluster.tried(None)]), []
        for _ in self._for(proving):
            self._must_be_well()
            rounds.append(self._cluster.tried(self._rollout.colour))
        seen = Validation(self._rollout, together(rounds), live, self._limits)
        if not seen.found:
            self._tell("recent frames, in shadow")
            parts = zip(self._cluster.replayed(self._rollout.colour), self._for(REPLAY_SECONDS), strict=False)
            seen = dataclasses.replace(seen, replayed=[pair for part, _ in parts for pair in part])
        self._report(seen)
        if seen.found:
            raise TakenBack("; ".join(seen.found))
        self._tell(seen.said)

    def _switch(self) -> None:
        plan = self._rollout.plan
        for place in range(self._rollout.place, len(plan.shares)):
            self._rollout = dataclasses.replace(self._rollout, place=place)
            last = place == len(plan.shares) - 1
            self._hold(
                plan.shares[place], plan.bake_seconds if last else plan.hold_seconds, 0 if last else plan.requests
            )
        wrong = None if self._rollout.is_rollback else self._cluster.deciding(self._rollout.release)
        if wrong:
            raise TakenBack(f"through the public address: {wrong}")
        self._cluster.finish(self._rollout.colour, self._number)

    def _hold(self, share: float, seconds: float, requests: int) -> None:
        most = max(seconds, self._rollout.plan.most_seconds if requests else 0)
        begun = self._clock()
        self._cluster.share(self._rollout.colour, share, begun + timedelta(seconds=most) + LEASE_SPARE, self._number)
        self._tell(f"{share:g} % of the traffic")
        # Below 100 % there is a live release to look at at the same time.
        since = self._cluster.mark()
        before = since if self._baseline is None else self._baseline
        looks, said, mark = max(1, int(most / POLL_SECONDS)), "", since if share < ALL else before
        faces = partial(self._cluster.compared, self._rollout.release, before, since, alone=share == ALL)
        drift = Looks(faces, most)
        for passed in self._for(most):
            self._must_be_well()
            live, new = self._cluster.seen(self._rollout.release, mark)
            enough = passed >= seconds and new.tries >= requests
            findings = judge(live, new, looks, self._rollout.plan.slower) + drift.at(passed, last=enough)
            said = "; ".join(finding.said for finding in findings)
            self._say(self._rollout, f"{share:g} % of the traffic, {passed:.0f} s: {said}")
            if any(finding.worse for finding in findings):
                raise TakenBack(f"at {share:g} % of the traffic, after {passed:.0f} s: {said}")
            if enough:
                break
        else:
            if requests and new.tries < requests:
                raise TakenBack(f"at {share:g} % only {new.tries} of {requests} requests came within {most:.0f} s")
        self._rollout = dataclasses.replace(self._rollout, why=f"at {share:g} % of the traffic: {said}")

    def _roll_back(self) -> None:
        self._tell(self._rollout.why)
        self._cluster.withdraw(self._rollout.release, self._rollout.colour, self._number)

    def _must_be_well(self) -> None:
        trouble = self._health.trouble(self._cluster.trouble(self._rollout.colour), self._clock())
        if trouble:
            raise TakenBack(f"{self._rollout.release} is not well: {trouble}")

    def _for(self, seconds: float) -> Iterator[float]:
        """Again and again for so long, the claim renewed: the seconds passed, at least once more at the end."""
        begun, passed = self._clock(), 0.0
        while True:
            yield passed
            if passed >= seconds:
                return
            self._sleep(POLL_SECONDS)
            now = self._clock()
            self._history.renew(self._number, now)
            if (alert := self._history.alert_against(self._rollout)) is not None:
                raise TakenBack(str(alert))
            passed = (now - begun).total_seconds()

    def _tell(self, what: str) -> None:
        self._rollout = self._history.write(self._rollout, self._number, self._clock())
        self._say(self._rollout, what)

    def _move(self, step: Step, why: str) -> None:
        self._rollout = dataclasses.replace(self._rollout, step=step, why=why)
        self._rollout = self._history.write(self._rollout, self._number, self._clock())


_STEPS: dict[Step, Callable[[Driver], None]] = {
    Step.PREPARING: Driver._prepare,
    Step.DEPLOYING: Driver._deploy,
    Step.VALIDATING: Driver._validate,
    Step.SWITCHING: Driver._switch,
    Step.ROLLING_BACK: Driver._roll_back,
}
