"""What rollouts of sound and of faulty releases cost the doors that post meanwhile: for `doorbell bench release`.

Every case runs the commands that a person would, as processes of their own, against a real cluster; the doors' frames
have known answers, so a wrong one is seen as such.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.child import MeasurementFailed
from benchmarks.doors import Doors, Posted

COMMAND_SECONDS = 240.0
SETTLING_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Case:
    """One rollout of `release` under load; a figure is None where there is nothing to measure.

    `seconds_to_detect`: from the moment the colour is started until the rollout is being taken back; nobody detects a
    SIGKILL, whose lease ends by itself. `seconds_to_old_traffic`: from then until no answer is the new release's any
    more, 0 when it never gave one; after a SIGKILL from the kill, with a rollback from the start of its command.
    `seconds_to_first_old`: with a rollback, until the first frame was sent that the old release answered. `answered`
    counts frames by release. `unexpected` has a sentence for each thing that is not as it should be.
    """

    name: str
    release: str
    requests: int
    failed_requests: int
    max_latency_ms: float
    seconds_to_detect: float | None
    seconds_to_old_traffic: float | None
    seconds_to_first_old: float | None
    wrong_answers: int
    seconds: float
    ended: str
    why: str
    answered: dict[str, int]
    failures: list[str] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a command's JSON, and when it was read (monotonic seconds)."""

    at: float
    said: dict[str, Any]

    @property
    def step(self) -> str:
        """Of the rollout."""
        return str(self.said.get("step", ""))


@dataclass(frozen=True, slots=True)
class Kill:
    """A SIGKILL so many seconds `after` the first line of a step, or the first one of it with `said` in it."""

    step: str
    said: str = ""
    after: float = 0.0

    def due(self, line: Line) -> bool:
        """Whether this is the line."""
        return line.step == self.step and self.said in str(line.said.get("said", ""))


class Cluster:
    """Commands against the cluster of this measurement; `places` are the options that find it."""

    def __init__(self, address: tuple[str, str], places: Sequence[str], say: Callable[[str], None]) -> None:
        self.address = address
        self._places = places
        self.say = say

    def pack(self, name: str, *options: str) -> None:
        """A new release. Raises MeasurementFailed."""
        packed = subprocess.run(  # noqa: S603
            [*RELEASE, "pack", name, *options], capture_output=True, text=True, timeout=COMMAND_SECONDS, check=False
        )
        if packed.returncode:
            raise MeasurementFailed(f"{name} was not packed: {packed.stderr.strip()}")

    def command(self, *arguments: str, kill: Kill | None = None) -> list[Line]:
        """A rollout's command to its end, or to a SIGKILL; after COMMAND_SECONDS it is killed, too.

        Raises MeasurementFailed when it says nothing, or was not in the kill's step any more.
        """
        line = [*RELEASE, *arguments, "--json", *self._places]
        with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:  # noqa: S603
            limit = threading.Timer(COMMAND_SECONDS, process.kill)
            limit.start()
            heard = list(_heard(process, kill))
            limit.cancel()
            complaint = process.stderr.read() if process.stderr else ""
        if not heard:
            raise MeasurementFailed(f"{' '.join(arguments)}: {complaint.strip()[-300:] or 'it said nothing'}")
        if kill and heard[-1].step != kill.step:
            raise MeasurementFailed(f"the SIGKILL came while {heard[-1].step}, not {kill.step}")
        return heard

    def restore(self, live: str) -> None:
        """This release has the traffic, and no rollout is open. Raises MeasurementFailed when that cannot be."""
        found = self._status()
        if found["step"] != "idle":
            self.command("resume", "--back")
            found = self._status()
        if _live(found) != live:
            self.command("rollback", live)
            found = self._status()
        if _live(found) != live:
            raise MeasurementFailed(f"{_live(found)} has the traffic, and {live} did not come back")

    def _status(self) -> dict[str, Any]:
        return self.command("status")[-1].said


def _live(status: dict[str, Any]) -> str:
    return str(next(each["release"] for each in status["colours"] if each["live"]))


RELEASE = (sys.executable, "-m", "cluster.cli.main", "release")


def _heard(process: subprocess.Popen[str], kill: Kill | None) -> Iterator[Line]:
    assert process.stdout is not None
    for text in process.stdout:
        line = Line(time.monotonic(), json.loads(text))
        yield line
        if kill and kill.due(line):
            time.sleep(kill.after)
            process.kill()
            kill = None  # what it said meanwhile is still to be read


Run = Callable[[Cluster, Doors, str], Case]


def summed(name: str, lines: Sequence[Line], heard: Sequence[Posted], new: str, begun: float, kept: bool) -> Case:
    """A case's figures; `kept` when the new release was to keep the traffic, so that nothing had to be detected."""
    back = next((line.at for line in lines if line.step == "rolling_back"), None)
    started = next((line.at for line in lines if line.step == "deploying"), begun)
    detected = None if back is None or kept else back - started
    wrong = [posted for posted in heard if not posted.right and not posted.failed]
    failures = Counter(posted.failed for posted in heard if posted.failed)
    return Case(
        name,
        new,
        requests=len(heard),
        failed_requests=sum(failures.values()),
        max_latency_ms=round(max((posted.milliseconds for posted in heard), default=0.0), 1),
        seconds_to_detect=None if detected is None else round(max(0.0, detected), 2),
        seconds_to_old_traffic=None if back is None or kept else old_traffic(heard, new, back),
        seconds_to_first_old=None,
        wrong_answers=len(wrong),
        seconds=round(lines[-1].at - begun, 1),
        ended=next((line.step for line in reversed(lines) if line.step), "completed"),
        why=next((str(line.said["why"]) for line in reversed(lines) if "why" in line.said), ""),
        answered=dict(Counter(posted.release for posted in heard if posted.release)),
        failures=[f"{times} x {text}" for text, times in failures.most_common(3)],
    )


def old_traffic(heard: Sequence[Posted], new: str, since: float) -> float:
    """Seconds from `since` until the last answer of `new` came; 0 when none came after it."""
    return round(max([posted.ended_at - since for posted in heard if posted.release == new] + [0.0]), 2)


def first_old(heard: Sequence[Posted], old: str, since: float) -> float | None:
    """Seconds from `since` until the first frame was sent that `old` answered; None when it answered none."""
    return min((round(p.sent_at - since, 2) for p in heard if p.release == old and p.sent_at >= since), default=None)
