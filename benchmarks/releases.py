"""`doorbell bench release`: what rollouts of sound and of faulty releases cost the doors that post meanwhile.

Every case runs the commands that a person would, as processes of their own, against a real cluster; the doors' frames
have known answers, so a wrong one is seen as such.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from benchmarks.child import MeasurementFailed
from benchmarks.doors import Doors, Posted, posting
from benchmarks.machine import machine
from benchmarks.run import frames

COMMAND_SECONDS = 240.0
SETTLING_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Case:
    """One rollout under load.

    `seconds_to_detect`: from the moment the colour is started until the rollout is being taken back.
    `seconds_to_old_traffic`: from then until no answer is the new release's any more, 0 when it never gave one; after a
    SIGKILL, from the kill. Both None where there is nothing to take back. `answered` counts frames by release.
    """

    name: str
    requests: int
    failed_requests: int
    max_latency_ms: float
    seconds_to_detect: float | None
    seconds_to_old_traffic: float | None
    wrong_answers: int
    seconds: float
    ended: str
    why: str
    answered: dict[str, int]
    failures: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a command's JSON, and when it was read (monotonic seconds)."""

    at: float
    said: dict[str, Any]

    @property
    def step(self) -> str:
        """Of the rollout."""
        return str(self.said.get("step", ""))


class Cluster:
    """Commands against the cluster of this measurement; `places` are the options that find it."""

    def __init__(self, address: tuple[str, str], places: Sequence[str], say: Callable[[str], None]) -> None:
        self.address = address
        self._places = places
        self.say = say

    def pack(self, name: str, *options: str) -> None:
        """A new release. Raises MeasurementFailed."""
        line = [sys.executable, "-m", "cluster.cli.main", "release", "pack", name, *options]
        packed = subprocess.run(line, capture_output=True, text=True, timeout=COMMAND_SECONDS, check=False)  # noqa: S603
        if packed.returncode:
            raise MeasurementFailed(f"{name} was not packed: {packed.stderr.strip()}")

    def command(self, *arguments: str, kill_at: str = "") -> list[Line]:
        """A rollout's command to its end, or to a SIGKILL when it says that it is at `kill_at`.

        Raises MeasurementFailed when it says nothing, or never comes to `kill_at`.
        """
        line = [sys.executable, "-m", "cluster.cli.main", "release", *arguments, "--json", *self._places]
        with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:  # noqa: S603
            heard = list(_heard(process, kill_at))
            complaint = process.stderr.read() if process.stderr else ""
        if not heard or (kill_at and heard[-1].step != kill_at):
            raise MeasurementFailed(f"{' '.join(arguments)}: {complaint.strip()[-300:] or heard[-1:]}")
        return heard


def _heard(process: subprocess.Popen[str], kill_at: str) -> Iterator[Line]:
    assert process.stdout is not None
    for text in process.stdout:
        line = Line(time.monotonic(), json.loads(text))
        yield line
        if kill_at and line.step == kill_at:
            process.kill()
            return


Run = Callable[[Cluster, Doors, str], Case]


def summed(name: str, lines: Sequence[Line], heard: Sequence[Posted], new: str, begun: float, kept: bool) -> Case:
    """A case's figures; `kept` when the new release was to keep the traffic, so that nothing had to be detected."""
    last = lines[-1].said
    back = next((line.at for line in lines if line.step == "rolling_back"), None)
    started = next((line.at for line in lines if line.step == "deploying"), begun)
    detected = None if back is None or kept else back - started
    wrong = [posted for posted in heard if not posted.right and not posted.failed]
    failures = Counter(posted.failed for posted in heard if posted.failed)
    return Case(
        name,
        requests=len(heard),
        failed_requests=sum(failures.values()),
        max_latency_ms=round(max((posted.milliseconds for posted in heard), default=0.0), 1),
        seconds_to_detect=None if detected is None else round(max(0.0, detected), 2),
        seconds_to_old_traffic=None if back is None or kept else old_traffic(heard, new, back),
        wrong_answers=len(wrong),
        seconds=round(lines[-1].at - begun, 1),
        ended=str(last.get("step", "completed")),
        why=str(last.get("why", "")),
        answered=dict(Counter(posted.release for posted in heard if posted.release)),
        failures=[f"{times} x {text}" for text, times in failures.most_common(3)],
    )


def old_traffic(heard: Sequence[Posted], new: str, since: float) -> float:
    """Seconds from `since` until the last answer of `new` was sent; 0 when none came after it."""
    return round(max([posted.ended_at - since for posted in heard if posted.release == new] + [0.0]), 2)


def measure(cluster: Cluster, cases: Sequence[tuple[str, int, float, Run]]) -> dict[str, Any]:
    """Each case by its name, with so many doors that post every so many seconds. Raises MeasurementFailed."""
    images = frames()
    found: list[dict[str, Any]] = []
    for name, doors, every, run in cases:
        cluster.say(f"{name} …")
        with posting(cluster.address, images, doors, every) as seen:
            time.sleep(SETTLING_SECONDS)
            case = run(cluster, seen, name)
        found.append({**asdict(case), "doors": doors, "frames_per_second": doors / every})
        cluster.say(
            f"  {case.failed_requests} of {case.requests} failed, {case.ended} after {case.seconds:g} s: {case.why}"
        )
    return {"date": datetime.now(UTC).isoformat(timespec="seconds"), "machine": machine(), "cases": found}
