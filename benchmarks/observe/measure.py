"""`doorbell bench observe`: what instrumentation costs, in pairs of clusters that differ in nothing else.

Each life of a cluster is a process of its own. Pairs alternate in which of the two comes first, so that a host that
gets slower or faster meanwhile favours neither.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any, Literal

import httpx

from benchmarks.child import MeasurementFailed
from benchmarks.machine import machine
from benchmarks.observe.scrape import counted, scraped, series
from benchmarks.run import Target, frames, run
from benchmarks.service import DISTURBED, settle

FEW, MANY = 2, 8
"""Cameras: with few a frame hardly waits for another one, with many every core is busy."""

CAMERAS = 1000
SEEN_SECONDS = 150.0
"""The watch counts cameras once a minute, and Ray reports every ten seconds."""

Switch = Literal["on", "off"]
Life = Callable[[Switch], dict[str, Any]]


def lived(url: str, key: str, seconds: float) -> dict[str, Any]:
    """One cluster's figures. Raises MeasurementFailed."""
    target = Target(f"{url}/api/v1/frames", {"X-API-Key": key, "Content-Type": "image/jpeg"}, frames())
    settle(target, MANY)
    return {str(count): dataclasses.asdict(run(target, count, seconds)) for count in (FEW, MANY)}


def compared(life: Life, pairs: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Figures of so many pairs. Raises what `life` raises."""
    found = []
    for number in range(pairs):
        order: Sequence[Switch] = ("on", "off") if number % 2 else ("off", "on")
        lives = {}
        for switch in order:
            say(f"pair {number + 1} of {pairs}, instrumentation {switch} …")
            lives[switch] = life(switch)
        found.append(pair(lives))
    return summary(found) | {"machine": machine()}


def pair(lives: Mapping[Switch, dict[str, Any]]) -> dict[str, Any]:
    """What two lives say of each other."""
    few, many = ({switch: life[str(count)] for switch, life in lives.items()} for count in (FEW, MANY))
    return {
        "throughput_ratio": round(many["on"]["requests_per_second"] / many["off"]["requests_per_second"], 4),
        "cpu_ratio": round(many["on"]["cpu_seconds_per_frame"] / many["off"]["cpu_seconds_per_frame"], 4),
        "p99_delta_ms": round(few["on"]["p99_ms"] - few["off"]["p99_ms"], 2),
        "p50_delta_ms": round(few["on"]["p50_ms"] - few["off"]["p50_ms"], 2),
        **{switch: {"few": few[switch], "many": many[switch]} for switch in lives},
    }


def summary(pairs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The median pair by each figure, and all pairs. `cpu_ratio` is what a neighbour on the host disturbs least.

    `disturbed` says that other programs took so much of the processor in some run that the others are theirs as well.
    """
    names = ("throughput_ratio", "cpu_ratio", "p99_delta_ms", "p50_delta_ms")
    runs = [each[switch][load] for each in pairs for switch in ("on", "off") for load in ("few", "many")]
    others = max(run["other_share"] for run in runs)
    medians = {name: round(median(each[name] for each in pairs), 4) for name in names}
    return medians | {"disturbed": others > DISTURBED, "other_share": others, "pairs": list(pairs)}


def thousand_cameras(url: str, key: str, temp: Path) -> dict[str, int]:
    """Series after a frame from each of a thousand cameras. Raises MeasurementFailed, HTTPError, OSError."""
    image = frames()[0]
    with httpx.Client(headers={"X-API-Key": key}, timeout=30) as client:
        for number in range(CAMERAS):
            said = {"X-Camera-Id": f"camera-{number}", "X-Trigger": "motion"}
            client.post(f"{url}/api/v1/frames", content=image, headers=said).raise_for_status()
    ends = time.monotonic() + SEEN_SECONDS
    while time.monotonic() < ends:
        metrics = scraped(temp)
        if len(series(metrics).get("ray_camera_events_today", {})) >= CAMERAS:
            ours, total = counted(metrics)
            return {"series_at_1000_cameras": ours, "series_in_all": total}
        time.sleep(5)
    raise MeasurementFailed(f"after {SEEN_SECONDS:.0f} s the {CAMERAS} cameras are not in the scrape")
