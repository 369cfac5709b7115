"""`doorbell bench floor`: the bare engine on every core, with no service around it.

One process for each core, one thread each, all from the same moment on: decode, detect, align, embed, judge, match, on
the frames that `bench service` posts. `python -m benchmarks.floor` is one of these processes.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from rich.table import Table

from benchmarks.child import Child, child
from benchmarks.machine import machine
from serve_apps.recognition.weights import CannotRun

WARM_UP_SECONDS = 1.0
START_SECONDS = 0.2
"""From the word until the moment itself, so that it reaches every process before."""


@dataclass(frozen=True, slots=True)
class Process:
    """What one process did."""

    frames: int
    seconds: float
    cpu_seconds: float

    @property
    def frames_per_second(self) -> float:
        """By the clock, until its last frame was done."""
        return self.frames / self.seconds


@dataclass(frozen=True, slots=True)
class Floor:
    """All of them together."""

    processes: tuple[Process, ...]

    @property
    def frames_per_second(self) -> float:
        """Of the machine."""
        return sum(process.frames_per_second for process in self.processes)

    @property
    def cpu_seconds_per_frame(self) -> float:
        """User and system."""
        return sum(process.cpu_seconds for process in self.processes) / sum(
            process.frames for process in self.processes
        )

    @property
    def cpu_share(self) -> float:
        """CPU time by wall time: less than 1 where something else took the cores meanwhile."""
        return sum(each.cpu_seconds for each in self.processes) / sum(each.seconds for each in self.processes)

    def as_json(self) -> dict[str, Any]:
        """As `doorbell bench floor --json` prints it."""
        rows = [asdict(each) | {"frames_per_second": round(each.frames_per_second, 2)} for each in self.processes]
        return {
            "frames_per_second": round(self.frames_per_second, 2),
            "cpu_seconds_per_frame": round(self.cpu_seconds_per_frame, 6),
            "cpu_share": round(self.cpu_share, 4),
            "processes": rows,
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
            "machine": machine(),
        }

    def table(self) -> Table:
        """For people."""
        shown = Table("process", "frames/s", "CPU ms/frame", "CPU by wall", title="Bare engine, one process a core")
        for number, each in enumerate(self.processes, 1):
            cost = f"{each.cpu_seconds / each.frames * 1000:.2f}", f"{each.cpu_seconds / each.seconds:.2f}"
            shown.add_row(str(number), f"{each.frames_per_second:.1f}", *cost)
        together = f"{self.cpu_seconds_per_frame * 1000:.2f}", f"{self.cpu_share:.2f}"
        shown.add_row("together", f"{self.frames_per_second:.1f}", *together)
        return shown


def measure(seconds: float, environment: Mapping[str, str] | None = None, processes: int | None = None) -> Floor:
    """`processes` (one for each core) for that long. Raises MeasurementFailed, and CannotRun where an engine cannot.

    `environment` is that of this process unless given; DOORBELL_… in it choose the engine, as they do for a replica.
    """
    variables = dict(os.environ if environment is None else environment) | {"OMP_NUM_THREADS": "1"}
    count = processes or int(machine()["cores"])
    with ExitStack() as stack:
        started: list[Child] = []
        for number in range(count):
            started.append(stack.enter_context(child("benchmarks.floor", [str(number)], variables)))
            if number == 0:
                _ready(started[0])  # it builds what is not built yet, and the others find it
        for each in started[1:]:
            _ready(each)
        begin = time.monotonic() + START_SECONDS
        for each in started:
            each.tell({"begin": begin, "end": begin + seconds})
        return Floor(tuple(Process(**each.hear()) for each in started))


def _ready(process: Child) -> None:
    if failed := process.hear().get("failed"):
        raise CannotRun(failed)


def main() -> None:
    """One process: ready, told when, done."""
    from benchmarks.bare import bare_recognizer
    from benchmarks.run import frames
    from serve_apps.gallery.enroll import PhotoRefused
    from serve_apps.recognition.weights import WeightsError
    from serve_apps.settings import load

    try:
        recognizer = bare_recognizer(load())
    except (WeightsError, PhotoRefused) as error:
        _say({"failed": " ".join(str(error).split())})
        return
    images, at = frames(), int(sys.argv[1])

    def until(end: float) -> int:
        done = 0
        while time.monotonic() < end:
            recognizer.recognize(images[(at + done) % len(images)], 0)
            done += 1
        return done

    until(time.monotonic() + WARM_UP_SECONDS)
    _say({"ready": True})
    line = sys.stdin.readline()
    if not line:
        return  # whoever measures has been ended
    told = json.loads(line)
    time.sleep(max(0.0, told["begin"] - time.monotonic()))
    begun, cpu = time.monotonic(), time.process_time()
    done = until(told["end"])
    _say(asdict(Process(done, time.monotonic() - begun, time.process_time() - cpu)))


def _say(message: dict[str, Any]) -> None:
    print(json.dumps(message), flush=True)


if __name__ == "__main__":
    main()
