"""Cases one after the other, each beginning with a sound release and held to its expected end."""

from __future__ import annotations

import dataclasses
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from benchmarks.child import MeasurementFailed
from benchmarks.doors import Doors, posting
from benchmarks.machine import machine
from benchmarks.releases import SETTLING_SECONDS, Case, Cluster, Line, Run, summed
from benchmarks.run import frames

NOT_MEASURED = "not measured"


@dataclass(frozen=True, slots=True)
class Planned:
    """A case and its expected end: no failed frame, and no wrong answer.

    `why` is a regular expression for the reason that the rollout gives; `traffic`: whether the release gives answers,
    None where chance decides. So many `doors` post every so many seconds.
    """

    name: str
    run: Run
    ended: str = "completed"
    why: str = ""
    traffic: bool | None = True
    doors: int = 4
    every: float = 0.2

    def unexpected(self, case: Case) -> list[str]:
        """A sentence for each thing that is otherwise."""
        found = list(case.unexpected)
        if case.failed_requests:
            found.append(f"{case.failed_requests} frames were not answered")
        if case.wrong_answers:
            found.append(f"{case.wrong_answers} answers were wrong")
        if case.ended != self.ended:
            return [*found, f"it ended {case.ended}, not {self.ended}: {case.why}"]
        if not re.search(self.why, case.why):
            found.append(f"another reason than '{self.why}': {case.why}")
        answers = case.answered.get(case.release, 0)
        if self.traffic is not None and self.traffic != bool(answers):
            found.append(f"{answers} answers came from {case.release}")
        return found


def measure(cluster: Cluster, cases: Sequence[Planned], live: str) -> dict[str, Any]:
    """Each case, with `live` having the traffic before it.

    Where that does not come back nothing more is measured, and the last case says so.
    """
    images = frames()
    found: list[dict[str, Any]] = []
    for planned in cases:
        cluster.say(f"{planned.name} …")
        with posting(cluster.address, images, planned.doors, planned.every) as seen:
            time.sleep(SETTLING_SECONDS)
            case = _run(planned, cluster, seen)
        unexpected = planned.unexpected(case)
        try:
            cluster.restore(live)
        except MeasurementFailed as error:
            unexpected.append(f"nothing more was measured: {error}")
        found.append(_described(planned, dataclasses.replace(case, unexpected=unexpected)))
        cluster.say(f"  {case.failed_requests} of {case.requests} failed, {case.ended} after {case.seconds:g} s")
        cluster.say(f"  {'; '.join(unexpected) or case.why}")
        if any(each.startswith("nothing more") for each in unexpected):
            break
    return {"date": datetime.now(UTC).isoformat(timespec="seconds"), "machine": machine(), "cases": found}


def _run(planned: Planned, cluster: Cluster, seen: Doors) -> Case:
    begun = time.monotonic()
    try:
        return planned.run(cluster, seen, planned.name)
    except MeasurementFailed as error:
        case = summed(planned.name, [Line(time.monotonic(), {})], seen.since(begun), "", begun, kept=True)
        return dataclasses.replace(case, ended=NOT_MEASURED, why=str(error))


def _described(planned: Planned, case: Case) -> dict[str, Any]:
    expected = {"as_expected": not case.unexpected, "expected": planned.ended}
    return (
        dataclasses.asdict(case)
        | expected
        | {"doors": planned.doors, "frames_per_second": planned.doors / planned.every}
    )
