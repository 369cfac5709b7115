"""Recorded load from a file: lines of `time,count`, as `History`."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path

import numpy as np

from autoscaling.history import MINUTE, BadHistory, History

LONGEST_MINUTES = 366 * 1440


def read(path: Path) -> History:
    """Requests by minute; a minute without a line is one that was not recorded. Raises BadHistory, OSError.

    A time is epoch seconds or ISO 8601 with an offset. Several lines of one minute are added.
    """
    minutes: dict[int, float] = {}
    with path.open(newline="", encoding="utf-8", errors="replace") as file:
        for line, at, count in _rows(file, path.name):
            if not (math.isfinite(count) and count >= 0):
                raise BadHistory(f"{path.name}, line {line}: a count must be at least 0; leave out what is not known")
            minutes[int(at // MINUTE)] = minutes.get(int(at // MINUTE), 0.0) + count
    if not minutes:
        raise BadHistory(f"{path.name} has no line of 'time,count'")
    first, last = min(minutes), max(minutes)
    if last - first > LONGEST_MINUTES:
        raise BadHistory(f"{path.name} spans more than a year; is one of its times wrong?")
    counts = np.full(last - first + 1, np.nan)
    counts[[minute - first for minute in minutes]] = list(minutes.values())
    return History(first * MINUTE, MINUTE, counts)


def _rows(file: Iterable[str], name: str) -> Iterator[tuple[int, float, float]]:
    for number, row in enumerate(csv.reader(file), 1):
        if not row or (number == 1 and row[0].strip().lower() == "time"):
            continue
        try:
            at, count = row
            yield number, _moment(at.strip()), float(count)
        except ValueError:
            raise BadHistory(
                f"{name}, line {number}: 'time,count' is wanted, the time as epoch seconds or 2026-11-28T08:00:00+01:00"
            ) from None


def _moment(said: str) -> float:
    try:
        seconds = float(said)
    except ValueError:
        moment = datetime.fromisoformat(said)
        if moment.tzinfo is None:
            raise ValueError("without an offset") from None
        return moment.timestamp()
    if not math.isfinite(seconds):
        raise ValueError("no moment")
    return seconds
