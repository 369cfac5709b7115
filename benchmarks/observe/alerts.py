"""How long it takes from a fault until somebody is told, for each alert: for `doorbell bench observe`."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.doors import posting
from benchmarks.observe import pushed
from benchmarks.observe.faults import told
from benchmarks.observe.house import observed_house
from benchmarks.run import frames
from cluster.sample_run import enrol_samples

EVERY_SECONDS = 10
"""Between two looks of Prometheus', as `doorbell monitoring prometheus` writes it."""

DOORS, FRAME_SECONDS = 2, 0.5
WARM_UP_SECONDS = 60.0
"""Rates are over a minute, and the watch's first numbers must be there before something is wrong."""


def of_faults(folder: Path) -> list[dict[str, Any]]:
    """Of real faults, all at once in a house that is made in `folder`; None for what was not received in time.

    Raises MeasurementFailed.
    """
    with _place(folder) as place, observed_house(place, {}, EVERY_SECONDS) as house:
        enrol_samples(house.url, house.key)
        with posting((house.url, house.key), frames(), DOORS, FRAME_SECONDS):
            time.sleep(WARM_UP_SECONDS)
            return [
                {"name": each.name, "injected": "fault", "seconds_to_receive": each.seconds_to_receive}
                for each in told(house)
            ]


def of_metrics(folder: Path) -> list[dict[str, Any]]:
    """Of metrics that are pushed over, for all other alerts. Raises MeasurementFailed."""
    with _place(folder) as place:
        return pushed.seconds_to_receive(place, EVERY_SECONDS)


@contextmanager
def _place(folder: Path) -> Iterator[Path]:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with tempfile.TemporaryDirectory(prefix="bench-", dir=folder) as place:
        yield Path(place)
