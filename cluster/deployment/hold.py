"""A share of the traffic while a release has it: the lease that gateways keep it by, and what is seen, look by look."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from cluster.deployment.drift import Looks
from cluster.deployment.judge import Seen, judge
from cluster.deployment.rollout import Plan, Rollout
from cluster.deployment.running import Cluster, TakenBack
from cluster.deployment.usual import Usual

ALL = 100.0
LOOK_SECONDS = 0.5

LEASE = timedelta(seconds=30)
"""How long gateways keep weights that nobody renews: the traffic of a release is never longer unwatched than this."""

RENEWED_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Share:
    """`percent` of the traffic for `seconds` and until `requests` were decided, but no longer than `most` seconds."""

    percent: float
    seconds: float
    requests: int
    most: float

    @classmethod
    def of(cls, plan: Plan, place: int) -> Share:
        """The last one of a plan is watched, the others are held."""
        if place == len(plan.shares) - 1:
            return cls(plan.shares[place], plan.bake_seconds, 0, plan.bake_seconds)
        most = max(plan.hold_seconds, plan.most_seconds if plan.requests else 0)
        return cls(plan.shares[place], plan.hold_seconds, plan.requests, most)

    def __str__(self) -> str:
        return f"{self.percent:g} %"


@dataclass(frozen=True, slots=True)
class Look:
    """`said` has the numbers of the judgement, `told` also how long it goes on; `tries` of the release until now."""

    enough: bool
    tries: int
    said: str
    told: str


class Held:
    """`usual` is what the live release did before it was disturbed, `baseline` a mark of then; None: as it is now."""

    def __init__(
        self,
        share: Share,
        cluster: Cluster,
        rollout: Rollout,
        epoch: int,
        usual: tuple[Seen, Usual] | None,
        baseline: object,
    ) -> None:
        self._share = share
        self._cluster = cluster
        self._rollout = rollout
        self._epoch = epoch
        self._past, self._usual = usual or cluster.usual()
        self._baseline = baseline
        self._renewed = 0.0

    def begin(self, now: datetime) -> None:
        """Give it the share."""
        # At 100 % there is no live release beside it to look at at the same time.
        self._alone = self._share.percent == ALL
        self._cluster.share(self._rollout, self._share.percent, now + LEASE, self._epoch)
        self._since = self._cluster.mark()
        before = self._since if self._baseline is None else self._baseline
        faces = partial(self._cluster.compared, self._rollout.release, before, self._since, alone=self._alone)
        self._drift = Looks(faces, self._share.most)
        plan = self._rollout.plan
        seconds = sum(Share.of(plan, place).most for place in range(len(plan.shares)))
        self._looks = max(1, int(seconds / LOOK_SECONDS))

    def look(self, passed: float, now: datetime) -> Look:
        """After so many seconds; the lease is renewed when it is due. Raises TakenBack when the release is worse."""
        if passed - self._renewed >= RENEWED_SECONDS:
            self._cluster.renew(self._rollout, now + LEASE, self._epoch)
            self._renewed = passed
        live, new = self._cluster.seen(self._rollout.release, self._since, self._usual)
        live = self._past if self._alone else live
        enough = passed >= self._share.seconds and new.tries >= self._share.requests
        findings = judge(live, new, self._looks, self._rollout.plan.slower) + self._drift.at(passed, last=enough)
        said = "; ".join(finding.said for finding in findings)
        if any(finding.worse for finding in findings):
            raise TakenBack(f"at {self._share} of the traffic, after {passed:.0f} s: {said}")
        return Look(enough, new.tries, said, self._told(passed, new, said))

    def _told(self, passed: float, new: Seen, said: str) -> str:
        wanted = self._share.requests
        awaited = f"{min(new.tries, wanted)} of {wanted} requests; " if wanted else ""
        return f"{passed:.0f} of at most {self._share.most:.0f} s: {awaited}{said}"
