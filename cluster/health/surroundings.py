"""What is around the cluster: boxes at the doors, certificates, disks, clocks, and who watches all of it. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cluster.health.finding import Finding, failed, ok, unknown, warning
from cluster.security.devices import Device, DeviceState

FULL_SOON = timedelta(hours=4)
FULL_LATER = timedelta(days=3)
LEAST_FREE = 0.05
LEAST_BYTES = 256 * 2**20
RENEW = timedelta(days=21)
SKEW_SECONDS = 2.0
MUCH_SKEW_SECONDS = 60.0
MANY_WAITING = 100
PAGES = "page"
"""The severity that wakes somebody."""


@dataclass(frozen=True, slots=True)
class Disk:
    """`full_in`: seconds until nothing is free, at the pace of the last hours; None where it does not fill."""

    mount: str
    free: int
    total: int
    full_in: float | None


def devices(found: Sequence[Device], now: datetime) -> Finding:
    """Silent ones, cameras that are not well, and frames that wait."""
    if not found:
        return ok("no box is enrolled")
    states = Counter(each.state(now) for each in found)
    silent = [each.name for each in found if each.state(now) is DeviceState.SILENT]
    heard = [each for each in found if each.state(now) is DeviceState.WELL]
    ill = [
        f"{each.name}/{camera['id']} {camera['state']}"
        for each in heard
        for camera in each.report.get("cameras") or ()
        if camera["state"] != "well"
    ]
    waiting = sum(int((each.report.get("spool") or {}).get("frames") or 0) for each in heard)
    said = f"{', '.join(f'{count} {state.value}' for state, count in sorted(states.items()))}; {waiting} frames wait"
    if silent:
        return failed(f"{said}; silent: {_some(silent)}", "look at the box's power and network; doorbell devices list")
    if ill:
        return warning(f"{said}; {_some(ill)}", "doorbell-edge check, on the box")
    if waiting > MANY_WAITING:
        return warning(said, "see whether the boxes reach the cluster: doorbell devices list")
    return ok(said)


def certificates(ends: Mapping[str, datetime], now: datetime) -> Finding:
    """By file, when the first of its certificates ends."""
    if not ends:
        return ok("none is named in DOORBELL_CERTIFICATES")
    file, end = min(ends.items(), key=lambda each: each[1])
    said = f"{len(ends)} files; {file} ends first, {end:%Y-%m-%d %H:%M} UTC"
    if end <= now:
        return failed(f"{said}: it has ended", "put the new certificate in its place and reload the proxy")
    return warning(said, "renew it") if end - now < RENEW else ok(said)


def disks(found: Sequence[Disk]) -> Finding:
    """Room, and when it ends."""
    said = "; ".join(_disk(each) for each in found)
    if any(each.free < min(LEAST_BYTES, LEAST_FREE * each.total) for each in found):
        return failed(said, "make room now: frames are refused when nothing is left. doorbell backup prune, old logs")
    times = [each.full_in for each in found if each.full_in is not None]
    if times and min(times) < FULL_SOON.total_seconds():
        return failed(said, "make room now; see what grows: du -x --max-depth=2")
    tight = any(each.free < LEAST_FREE * each.total for each in found)
    if tight or (times and min(times) < FULL_LATER.total_seconds()):
        return warning(said, "make room within days; see what grows: du -x --max-depth=2")
    return ok(said)


def _disk(disk: Disk) -> str:
    share = 100 * disk.free / disk.total
    when = "" if disk.full_in is None else f", full in {disk.full_in / 3600:.1f} h"
    return f"{disk.mount}: {disk.free / 1e9:.1f} GB free ({share:.0f} %){when}"


def clocks(offsets: Mapping[str, float]) -> Finding:
    """Seconds that each of the others is ahead of this machine."""
    if not offsets:
        return unknown("nobody else's clock could be read")
    said = ", ".join(f"{name} {seconds:+.1f} s" for name, seconds in offsets.items())
    worst = max(map(abs, offsets.values()))
    way = "set the clocks by one source: timedatectl set-ntp true"
    if worst > MUCH_SKEW_SECONDS:
        return failed(said, way)
    return warning(said, way) if worst > SKEW_SECONDS else ok(said)


def alerts(rules: Sequence[Mapping[str, Any]]) -> Finding:
    """Of the alerts of Prometheus' rules those that fire, the grave ones first. None fires where there is no rule."""
    way = "doorbell monitoring prometheus --to FOLDER; start Prometheus with that"
    if not rules:
        return failed("Prometheus has no alerting rule: nothing can fire", way)
    firing = [each for rule in rules for each in rule["alerts"] if each["state"] == "firing"]
    broken = [str(rule["name"]) for rule in rules if rule.get("health") == "err"]
    if not firing and broken:
        return warning(f"{len(broken)} rules cannot be worked out: {_some(broken)}", way)
    if not firing:
        return ok(f"none of {len(rules)} fires")
    firing.sort(key=lambda each: each["labels"].get("severity") != PAGES)
    names = list(dict.fromkeys(str(each["labels"]["alertname"]) for each in firing))
    said, runbook = f"{len(firing)} fire: {_some(names)}", firing[0]["annotations"].get("runbook", "docs/monitoring.md")
    if firing[0]["labels"].get("severity") == PAGES:
        return failed(said, str(runbook))
    return warning(said, str(runbook))


def _some(names: Sequence[str]) -> str:
    rest = len(names) - 5
    return ", ".join(names[:5]) + (f" and {rest} more" if rest > 0 else "")
