"""A rollout: one release on its way to the traffic, and back again when it must.

What happens next is decided here, from values; nothing is asked and nothing is moved.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Literal, TypeAlias

Colour: TypeAlias = Literal["blue", "green"]


class Step(StrEnum):
    """Where a rollout is. `idle` is said of a cluster without any."""

    IDLE = "idle"
    PREPARING = "preparing"
    DEPLOYING = "deploying"
    VALIDATING = "validating"
    SWITCHING = "switching"
    ROLLING_BACK = "rolling_back"
    COMPLETED = "completed"
    FAILED = "failed"

    @property
    def ended(self) -> bool:
        """Whether nothing follows."""
        return self in (Step.COMPLETED, Step.FAILED, Step.IDLE)


FOLLOWS: dict[Step, Step] = {
    Step.PREPARING: Step.DEPLOYING,
    Step.DEPLOYING: Step.VALIDATING,
    Step.VALIDATING: Step.SWITCHING,
    Step.SWITCHING: Step.COMPLETED,
    Step.ROLLING_BACK: Step.FAILED,
}
"""The way of a rollout that meets nothing; from each of these steps `rolling_back` is possible too."""


@dataclass(frozen=True, slots=True)
class Plan:
    """`shares` of the traffic in percent, one after the other, the last one 100; each is held for `hold_seconds` and
    until the release has decided `requests` frames, but no longer than `most_seconds`. Then all of the traffic is
    watched for `bake_seconds`, while the old release stands by. `slower`: how many times as long as the live release
    it may take. `prove_seconds`: of golden frames before traffic; what turns bad soon after its start shows it there.
    Without any share it is a rollback: all of the traffic at once, and neither golden frames nor a watch.
    """

    shares: tuple[float, ...] = (100.0,)
    hold_seconds: float = 0.0
    requests: int = 0
    most_seconds: float = 3600.0
    bake_seconds: float = 60.0
    slower: float = 2.0
    prove_seconds: float = 10.0


@dataclass(frozen=True, slots=True)
class Rollout:
    """One row of the history; `place` counts the shares that were passed, `why` says how it ended in one paragraph."""

    id: str
    release: str
    digest: str
    colour: Colour
    before: str
    step: Step
    place: int
    plan: Plan
    started_at: datetime
    updated_at: datetime
    why: str = ""

    @property
    def is_rollback(self) -> bool:
        """Back to a release that was live before."""
        return not self.plan.shares


ROLLBACK = Plan(shares=(), bake_seconds=0.0)


class Standing(StrEnum):
    """Where a rollout's release is on the cluster, whatever the history says."""

    ABSENT = "absent"
    """Its colour runs another release, or none: the cluster was started anew."""
    BESIDE = "beside"
    LIVE = "live"
    """It has the traffic for good: the command was killed behind the last change and before the last line."""


def resumed(rollout: Rollout, standing: Standing, lease_until: datetime | None, now: datetime) -> Rollout:
    """What a controller that finds this rollout goes on with.

    Until traffic moves everything may be done again. Once it has moved, a lease that has ended means that the gateways
    are back at the old release already, and nobody has watched since: the rest is cleaning up.
    """
    if rollout.step is Step.SWITCHING and standing is Standing.LIVE:
        return replace(rollout, place=len(rollout.plan.shares))
    if rollout.step in (Step.VALIDATING, Step.SWITCHING) and standing is Standing.ABSENT:
        return replace(rollout, step=Step.DEPLOYING, place=0)
    if rollout.step is Step.SWITCHING and lease_until is not None and lease_until <= now:
        return replace(rollout, step=Step.ROLLING_BACK, why=UNWATCHED)
    return rollout


UNWATCHED = "nobody watched it any more, so its share of the traffic had ended by itself"
