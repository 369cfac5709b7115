"""What instrumentation adds to the 99th percentile: clusters at once, with it and without, asked in turn.

A pair of runs minutes apart differs by tens of milliseconds for reasons of its own, which half a millisecond cannot be
seen in. In turns of seconds all see the same machine, and enough frames say how far off the difference may still be. Of
those without there are two: what they differ by is what two clusters of one kind differ by.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from benchmarks.child import MeasurementFailed, child
from benchmarks.load import Job
from benchmarks.observe.house import Up, started
from benchmarks.run import Counted, frames, plain_environment, written

CAMERAS = 1
"""Nothing waits for another frame then, so that what is added is not hidden in queues."""

TURN_SECONDS, WARM_UP_SECONDS = 6.0, 0.5
RESAMPLED = 2000
SEED = 2026
CLUSTERS = {"on": "on", "off": "off", "off_again": "off"}
"""By name, with the switch of each."""

Times: TypeAlias = NDArray[np.float64]


def measure(folder: Path, pairs: int, say: Callable[[str], None]) -> dict[str, Any]:
    """So many pairs of turns. Raises MeasurementFailed."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with tempfile.TemporaryDirectory(prefix="bench-", dir=folder) as place, ExitStack() as stack:
        clusters = {}
        for name, switch in CLUSTERS.items():
            say(f"a cluster with instrumentation {switch} …")
            variables = {"DOORBELL_INSTRUMENTATION": switch}
            clusters[name] = stack.enter_context(started(Path(place, name), variables))
        bodies = written(Path(place), frames())
        for up in clusters.values():
            _turn(up, bodies)
        turns: dict[str, list[Times]] = {name: [] for name in CLUSTERS}
        for number in range(pairs):
            if number % 10 == 0:
                say(f"turns {number + 1} of {pairs} …")
            for name in CLUSTERS if number % 2 else reversed(CLUSTERS):
                turns[name].append(_turn(clusters[name], bodies))
    return compared(turns)


def compared(turns: Mapping[str, Sequence[Times]]) -> dict[str, Any]:
    """Percentiles in milliseconds; by what those with it, and those without again, differ from those without.

    `between_ms` is where the difference lies in 95 of 100 samples of the same turns.
    """
    dice = np.random.default_rng(SEED)
    found: dict[str, Any] = {"frames": {name: sum(map(len, each)) for name, each in turns.items()}}
    for percent in (50, 99):
        values = {name: float(np.percentile(np.concatenate(each), percent)) for name, each in turns.items()}
        found[f"p{percent}"] = {
            **{f"{name}_ms": round(value, 2) for name, value in values.items()},
            **_difference(turns["on"], turns["off"], percent, dice),
            "control": _difference(turns["off_again"], turns["off"], percent, dice),
        }
    return found


def _difference(
    ours: Sequence[Times], others: Sequence[Times], percent: int, dice: np.random.Generator
) -> dict[str, Any]:
    """Pairs of turns stay together, as what disturbs one disturbs the other."""

    def between(chosen: Iterable[int]) -> float:
        first, second = (np.concatenate([turns[each] for each in chosen]) for turns in (ours, others))
        return float(np.percentile(first, percent) - np.percentile(second, percent))

    count = len(ours)
    resampled = [between(dice.integers(0, count, count).tolist()) for _ in range(RESAMPLED)]
    edges = np.percentile(resampled, [2.5, 97.5])
    return {"delta_ms": round(between(range(count)), 3), "between_ms": [round(float(edge), 3) for edge in edges]}


def _turn(up: Up, bodies: Sequence[str]) -> Times:
    headers = {"X-API-Key": up.key, "Content-Type": "image/jpeg"}
    job = Job(f"{up.url}/api/v1/frames", headers, list(bodies), CAMERAS, WARM_UP_SECONDS, TURN_SECONDS)
    with child("benchmarks.load", environment=plain_environment()) as load:
        load.tell(asdict(job))
        load.hear()
        counted = Counted(**load.hear())
    if counted.statuses.keys() != {"200"}:
        raise MeasurementFailed(f"not every frame was answered: {counted.statuses}")
    return np.array(counted.milliseconds)
