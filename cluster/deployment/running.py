"""What a rollout does to the running cluster, and sees of it: `live.py` has it of Serve, tests have one in memory."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Protocol

from cluster.deployment.drift import Compared
from cluster.deployment.judge import Seen
from cluster.deployment.rollout import Colour, Rollout, Standing
from cluster.deployment.shadow import Pair
from cluster.deployment.usual import Usual
from cluster.deployment.validate import Tried


class ApplicationError(Exception):
    """The application's API did not answer as it should."""


class TakenBack(Exception):
    """Why a release is not to have the traffic."""


class Cluster(Protocol):
    """What a rollout does to the cluster. Every method raises an error of one line when the cluster does not answer."""

    def standing(self, rollout: Rollout) -> Standing:
        """Where the rollout's release is now."""

    def prepare(self, rollout: Rollout) -> Iterator[str]:
        """Make sure that it could run: verified, room, gallery; says again and again what is done. Raises TakenBack."""

    def deploy(self, rollout: Rollout, epoch: int) -> None:
        """Start it beside the live one, with as many replicas, without traffic."""

    def grown(self, rollout: Rollout, epoch: int) -> bool:
        """Whether it had to be given more replicas, since the live one has more by now."""

    def trouble(self, colour: Colour) -> str | None:
        """What is wrong with the colour, if anything is; an empty line while it is still starting."""

    def share(self, rollout: Rollout, percent: float, until: datetime, epoch: int) -> None:
        """Give it so much of the traffic; from `until` on gateways go back by themselves. Raises TakenBack."""

    def renew(self, rollout: Rollout, until: datetime, epoch: int) -> None:
        """The same share until later."""

    def usual(self) -> tuple[Seen, Usual]:
        """What the live release did with the newest frames, of all cameras and of each."""

    def seen(self, release: str, since: object, usual: Usual) -> tuple[Seen, Seen]:
        """Of the live release and of this one, since a mark."""

    def mark(self) -> object:
        """Now, for `seen` and `compared`."""

    def compared(self, release: str, before: object, since: object, *, alone: bool) -> Compared:
        """The faces at each camera, `before` one mark and `since` another."""

    def finish(self, rollout: Rollout, epoch: int) -> None:
        """It is the live one; the other stands by with one replica. Raises TakenBack."""

    def withdraw(self, rollout: Rollout, epoch: int) -> None:
        """All traffic to the release before, at once; then this one ends. What was never deployed changes nothing."""

    def deciding(self, release: str, since: object) -> str | None:
        """What is wrong, if `release` does not answer at the public address, or decided not the newest event since."""

    def tried(self, colour: Colour | None) -> Tried:
        """Every golden frame once through this colour, or the live one."""

    def replayed(self, colour: Colour) -> Iterator[list[Pair]]:
        """Recent frames through the live release and this colour, some at a time."""
