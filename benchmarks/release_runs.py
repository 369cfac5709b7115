"""What is done in the cases of `doorbell bench release`, each a person's commands one after the other."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence

from benchmarks.child import MeasurementFailed
from benchmarks.doors import Doors, posting
from benchmarks.releases import (
    SETTLING_SECONDS,
    Case,
    Cluster,
    Kill,
    Line,
    Run,
    first_old,
    old_traffic,
    summed,
)
from benchmarks.run import frames

LIVE = "yunet-dlib-1"
OTHER = "sface-1"
BRIEF = ("--prove", "3", "--bake", "5", "--slower", "10")
"""SFace takes more than twice as long as dlib's ResNet on most processors, and is no fault here."""

LOADED_SECONDS = 60.0


def deployed(new: str, *command: str) -> Run:
    """A release that is to keep the traffic."""

    def run(cluster: Cluster, doors: Doors, name: str) -> Case:
        begun = time.monotonic()
        lines = cluster.command(*command)
        time.sleep(SETTLING_SECONDS)
        return summed(name, lines, doors.since(begun), new, begun, kept=True)

    return run


def replayed(new: str, frames_sent: int, *command: str) -> Run:
    """As `deployed`, once the doors have sent so many frames; its reason is what the replay of recent ones said."""

    def run(cluster: Cluster, doors: Doors, name: str) -> Case:
        while len(doors.heard) < frames_sent:
            time.sleep(SETTLING_SECONDS)
        begun = time.monotonic()
        lines = cluster.command(*command)
        time.sleep(SETTLING_SECONDS)
        case = summed(name, lines, doors.since(begun), new, begun, kept=True)
        said = [str(line.said["said"]) for line in lines if line.step == "validating" and "said" in line.said]
        return dataclasses.replace(case, why=said[-1] if said and case.ended == "completed" else case.why)

    return run


def unseen(new: str, *command: str) -> Run:
    """As `deployed` in a house where nobody rings meanwhile: doors post when it has ended."""

    def run(cluster: Cluster, doors: Doors, name: str) -> Case:
        begun = time.monotonic()
        lines = cluster.command(*command)
        with posting(cluster.address, frames(), 4, 0.2) as later:
            time.sleep(SETTLING_SECONDS)
        case = summed(name, lines, later.heard, new, begun, kept=True)
        others = {each for each in case.answered if each != new} if case.ended == "completed" else ()
        return dataclasses.replace(case, unexpected=[f"{each} still answered" for each in others])

    return run


def taken_back(new: str, *arguments: str) -> Run:
    """A release that is not to get the traffic, or not to keep it."""

    def run(cluster: Cluster, doors: Doors, name: str) -> Case:
        begun = time.monotonic()
        lines = cluster.command("deploy", new, *arguments)
        time.sleep(SETTLING_SECONDS)
        return summed(name, lines, doors.since(begun), new, begun, kept=False)

    return run


def rolled_back(old: str, *before: str) -> Run:
    """By hand to `old`, which was live, after a deploy of each of the releases `before`; times are of the rollback."""

    def run(cluster: Cluster, doors: Doors, name: str) -> Case:
        begun = time.monotonic()
        for each in before:
            _completed(cluster.command("deploy", each, *BRIEF))
        asked = time.monotonic()
        lines = cluster.command("rollback", old)
        time.sleep(SETTLING_SECONDS)
        heard = doors.since(begun)
        case = summed(name, lines, heard, before[-1], asked, kept=True)
        times = old_traffic(heard, before[-1], asked), first_old(heard, old, asked)
        return dataclasses.replace(case, seconds_to_old_traffic=times[0], seconds_to_first_old=times[1])

    return run


def killed(new: str, kill: Kill, unwatched: float, *arguments: str) -> Run:
    """The controller is killed; after so many seconds without one `resume` ends the rollout."""

    def run(cluster: Cluster, doors: Doors, name: str) -> Case:
        begun = time.monotonic()
        cluster.command("deploy", new, *arguments, kill=kill)
        at = time.monotonic()
        time.sleep(unwatched)
        lines = cluster.command("resume")
        time.sleep(SETTLING_SECONDS)
        heard = doors.since(begun)
        case = summed(name, lines, heard, new, begun, kept=True)
        back = None if case.ended == "completed" else old_traffic(heard, new, at)
        return dataclasses.replace(case, seconds_to_old_traffic=back)

    return run


def back_and_forth(cluster: Cluster, doors: Doors, name: str) -> Case:
    """To the other release and back by two rollouts, as often as the time allows, at least once."""
    begun = time.monotonic()
    lines: list[Line] = []
    while not lines or time.monotonic() - begun < LOADED_SECONDS:
        for new in (OTHER, LIVE):
            lines += cluster.command("deploy", new, *BRIEF)
            if lines[-1].step != "completed":
                return summed(name, lines, doors.since(begun), new, begun, kept=True)
    return summed(name, lines, doors.since(begun), OTHER, begun, kept=True)


def _completed(lines: Sequence[Line]) -> None:
    if lines[-1].step != "completed":
        raise MeasurementFailed(f"the deploy before it ended {lines[-1].step}: {lines[-1].said.get('why')}")
