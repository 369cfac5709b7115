"""Takes a rollout from step to step: what it does to the cluster goes through `Cluster`, what it sees comes from there.

Each step may be done again from its beginning, and is written down before it is begun; so a controller that was
killed goes on where it was, or takes the release back.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import ClassVar, Protocol

from cluster.deployment.control import ServeError
from cluster.deployment.history import History
from cluster.deployment.judge import Seen, judge
from cluster.deployment.rollout import FOLLOWS, Colour, Rollout, Step, resumed
from cluster.deployment.validate import Limits, Tried, shortcomings, together

POLL_SECONDS = 0.5
ALL = 100.0
START_SECONDS = 180.0
"""For a colour's replicas: weights are fetched, graphs built, the gallery read."""

SETTLING_SECONDS = 10.0
PROVING_SECONDS = 10.0
"""A release that turns bad a few seconds after its start must do so before traffic comes."""

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
        """Now, for `seen`."""

    def finish(self, colour: Colour, epoch: int) -> None:
        """It is the live one; the other stands by with one replica."""

    def withdraw(self, release: str, colour: Colour, epoch: int) -> None:
        """All traffic to the live release, at once; then this one ends. What was never deployed changes nothing."""

    def deciding(self, release: str) -> str | None:
        """None when `release` decides the events of the public address, else what is wrong; it must be ready, too."""

    def tried(self, colour: Colour | None) -> Tried:
        """Every golden frame once through this colour, or the live one."""


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
    ) -> None:
        self._rollout = rollout
        self._number = number
        self._history = history
        self._cluster = cluster
        self._clock = clock
        self._sleep = sleep
        self._say = say
        self._limits = limits
        self._well_at: datetime | None = None
        self._baseline: object = None
        """Before the switch: at 100 % the live release is judged by what it did from here on."""

    def run(self, lease_until: datetime | None = None) -> Rollout:
        """To the end. Raises RolloutError when another controller has taken over."""
        self._move(resumed(self._rollout, lease_until, self._clock()), self._rollout.why)
        while not self._rollout.step.ended:
            try:
                self._STEPS[self._rollout.step](self)
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
        self._tell(f"golden frames for {PROVING_SECONDS:.0f} s, before traffic comes")
        self._baseline = self._cluster.mark()
        live, rounds = together([self._cluster.tried(None), self._cluster.tried(None)]), []
        for _ in self._for(PROVING_SECONDS):
            self._must_be_well()
            rounds.append(self._cluster.tried(self._rollout.colour))
        found = shortcomings(together(rounds), live, self._rollout.plan.slower, self._limits)
        if found:
            raise TakenBack("; ".join(found))
        right = sum(answer.right for answer in rounds[-1].answers)
        self._tell(f"{right} of {len(rounds[-1].answers)} golden frames as expected, {len(rounds)} times")

    def _switch(self) -> None:
        plan = self._rollout.plan
        for place in range(self._rollout.place, len(plan.shares)):
            self._rollout = dataclasses.replace(self._rollout, place=place)
            last = place == len(plan.shares) - 1
            self._hold(
                plan.shares[place], plan.bake_seconds if last else plan.hold_seconds, 0 if last else plan.requests
            )
        wrong = self._cluster.deciding(self._rollout.release)
        if wrong:
            raise TakenBack(f"through the public address: {wrong}")
        self._cluster.finish(self._rollout.colour, self._number)

    def _hold(self, share: float, seconds: float, requests: int) -> None:
        most = max(seconds, self._rollout.plan.most_seconds if requests else 0)
        begun = self._clock()
        self._cluster.share(self._rollout.colour, share, begun + timedelta(seconds=most) + LEASE_SPARE, self._number)
        self._tell(f"{share:g} % of the traffic")
        # Below 100 % there is a live release to look at at the same time.
        mark = self._cluster.mark() if share < ALL or self._baseline is None else self._baseline
        looks, said = max(1, int(most / POLL_SECONDS)), ""
        for passed in self._for(most):
            self._must_be_well()
            live, new = self._cluster.seen(self._rollout.release, mark)
            findings = judge(live, new, looks, self._rollout.plan.slower)
            said = "; ".join(finding.said for finding in findings)
            self._say(self._rollout, f"{share:g} % of the traffic, {passed:.0f} s: {said}")
            if any(finding.worse for finding in findings):
                raise TakenBack(f"at {share:g} % of the traffic, after {passed:.0f} s: {said}")
            if passed >= seconds and new.tries >= requests:
                break
        else:
            if requests and new.tries < requests:
                raise TakenBack(f"at {share:g} % only {new.tries} of {requests} requests came within {most:.0f} s")
        self._rollout = dataclasses.replace(self._rollout, why=f"at {share:g} % of the traffic: {said}")

    def _roll_back(self) -> None:
        self._tell(self._rollout.why)
        self._cluster.withdraw(self._rollout.release, self._rollout.colour, self._number)

    def _must_be_well(self) -> None:
        """Each new config has Serve say for a moment that it deploys."""
        trouble, now = self._cluster.trouble(self._rollout.colour), self._clock()
        if trouble is None:
            self._well_at = now
        elif trouble:
            raise TakenBack(f"{self._rollout.release} is not well: {trouble}")
        elif (now - (self._well_at or now)).total_seconds() > SETTLING_SECONDS:
            raise TakenBack(f"{self._rollout.release} is not well: its replicas start again")
        self._well_at = self._well_at or now

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
            passed = (now - begun).total_seconds()

    def _tell(self, what: str) -> None:
        self._rollout = self._history.write(self._rollout, self._number, self._clock())
        self._say(self._rollout, what)

    def _move(self, step: Step, why: str) -> None:
        self._rollout = dataclasses.replace(self._rollout, step=step, why=why)
        self._rollout = self._history.write(self._rollout, self._number, self._clock())

    _STEPS: ClassVar[dict[Step, Callable[[Driver], None]]] = {
        Step.PREPARING: _prepare,
        Step.DEPLOYING: _deploy,
        Step.VALIDATING: _validate,
        Step.SWITCHING: _switch,
        Step.ROLLING_BACK: _roll_back,
    }
