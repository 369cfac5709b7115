"""Takes a rollout from step to step; what it does to the cluster, and sees of it, goes through `running.Cluster`.

Each step may be done again from its beginning, and is written down before it is begun; so a controller that was
killed goes on where it was, or takes the release back.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from datetime import datetime

from cluster.deployment.control import ServeError
from cluster.deployment.golden import GoldenError
from cluster.deployment.health import Health
from cluster.deployment.history import History
from cluster.deployment.hold import Held, Share
from cluster.deployment.judge import Seen
from cluster.deployment.rollout import FOLLOWS, Rollout, Step, resumed
from cluster.deployment.running import ApplicationError, Cluster, TakenBack
from cluster.deployment.shadow import Pair
from cluster.deployment.usual import Usual
from cluster.deployment.validate import Limits, together
from cluster.deployment.validation import Validation

POLL_SECONDS = 0.5
START_SECONDS = 180.0
"""For a colour's replicas: weights are fetched, graphs built, the gallery read."""

REPLAY_SECONDS = 30.0


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
        self._usual: tuple[Seen, Usual] | None = None  # both from before anything was asked of the machine

    def run(self, lease_until: datetime | None = None) -> Rollout:
        """To the end. Raises RolloutError when another controller has taken over."""
        found = resumed(self._rollout, self._cluster.standing(self._rollout), lease_until, self._clock())
        self._rollout = dataclasses.replace(self._rollout, place=found.place)
        self._move(found.step, found.why)
        while not self._rollout.step.ended:
            try:
                _STEPS[self._rollout.step](self)
            except (TakenBack, ApplicationError, ServeError, GoldenError) as reason:
                if self._rollout.step is Step.ROLLING_BACK:
                    raise
                self._move(Step.ROLLING_BACK, str(reason))
            else:
                self._move(FOLLOWS[self._rollout.step], self._rollout.why)
        return self._rollout

    def _prepare(self) -> None:
        self._tell("checking signature, digests, licences and room; embedding the gallery where it has to be")
        for doing in self._cluster.prepare(self._rollout):
            self._sleep(0.0)  # hears Ctrl-C
            self._stay()
            self._say(self._rollout, doing)

    def _deploy(self) -> None:
        self._tell(f"starting it as {self._rollout.colour}, beside the live release")
        self._cluster.deploy(self._rollout, self._number)
        self._until_it_runs()

    def _until_it_runs(self) -> None:
        for _ in self._for(START_SECONDS):
            trouble = self._cluster.trouble(self._rollout.colour)
            if trouble:
                raise TakenBack(f"{self._rollout.release} did not start: {trouble}")
            if trouble is None:
                self._health.changed(self._clock())
                return
        raise TakenBack(f"{self._rollout.release} did not start within {START_SECONDS:.0f} s")

    def _validate(self) -> None:
        if self._rollout.is_rollback:
            return  # it was live before, and time counts
        proving = self._rollout.plan.prove_seconds
        self._tell(f"golden frames for {proving:.0f} s, before traffic comes")
        self._baseline, self._usual = self._cluster.mark(), self._cluster.usual()
        live, rounds = together([self._cluster.tried(None), self._cluster.tried(None)]), []
        for _ in self._for(proving):
            self._must_be_well()
            rounds.append(self._cluster.tried(self._rollout.colour))
        seen = Validation(self._rollout, together(rounds), live, self._limits)
        if not seen.found:
            self._tell("recent frames, in shadow")
            seen = dataclasses.replace(seen, replayed=list(self._replayed()))
        self._report(seen)
        if seen.found:
            raise TakenBack("; ".join(seen.found))
        self._tell(seen.said)

    def _replayed(self) -> Iterator[Pair]:
        for part, _ in zip(self._cluster.replayed(self._rollout.colour), self._for(REPLAY_SECONDS), strict=False):
            self._must_be_well()
            yield from part

    def _switch(self) -> None:
        plan, since = self._rollout.plan, self._cluster.mark()
        for place in range(self._rollout.place, len(plan.shares)):
            self._rollout = dataclasses.replace(self._rollout, place=place)
            since = self._cluster.mark()
            if self._cluster.grown(self._rollout, self._number):
                self._tell("more replicas, as many as the live release has now")
                self._until_it_runs()
            self._rollout = self._hold(Share.of(plan, place))
        wrong = self._cluster.deciding(self._rollout.release, since) if plan.shares else None
        if wrong:
            raise TakenBack(f"through the public address: {wrong}")
        self._cluster.finish(self._rollout, self._number)

    def _hold(self, share: Share) -> Rollout:
        held = Held(share, self._cluster, self._rollout, self._number, self._usual, self._baseline)
        held.begin(self._clock())
        self._health.changed(self._clock())
        self._tell(f"{share} of the traffic")
        for passed in self._for(share.most):
            self._must_be_well()
            look = held.look(passed, self._clock())
            self._say(self._rollout, f"{share} of the traffic, {look.told}")
            if look.enough:
                return dataclasses.replace(self._rollout, why=f"at {share} of the traffic: {look.said}")
        raise TakenBack(f"at {share} only {look.tries} of {share.requests} requests came within {share.most:.0f} s")

    def _roll_back(self) -> None:
        self._tell(self._rollout.why)
        self._cluster.withdraw(self._rollout, self._number)

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
            self._stay()
            passed = (self._clock() - begun).total_seconds()

    def _stay(self) -> None:
        """Hold the claim, and hear alerts."""
        self._history.renew(self._number, self._clock())
        if (alert := self._history.alert_against(self._rollout)) is not None:
            raise TakenBack(str(alert))

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
