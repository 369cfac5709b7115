"""The boxes at the doors, by what their heartbeats say."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from statistics import median

from cluster.monitoring.metrics import (
    CLOCK_SKEW,
    DEVICE_DROPPED,
    DEVICE_OFFSET,
    DEVICE_SEEN,
    DEVICE_SILENT,
    DEVICE_SPOOL,
    DEVICE_STATES,
    DEVICE_TEMPERATURE,
    DEVICES,
    QUEUE,
)
from cluster.security.devices import Device, DeviceState
from serve_apps.watch.parts import Gauges


class Fleet:
    """`devices` gives all of them, the oldest first; `clock` is aware UTC."""

    def __init__(self, devices: Callable[[], list[Device]], gauges: Gauges, clock: Callable[[], datetime]) -> None:
        self._devices = devices
        self._gauges = gauges
        self._clock = clock

    def look(self) -> None:
        """Once. Raises SQLAlchemyError."""
        now = self._clock()
        found = [each for each in self._devices() if each.state(now) is not DeviceState.REVOKED]
        silent = [each for each in found if each.state(now) is DeviceState.SILENT]
        self._gauges.set(DEVICE_STATES, len(silent), "silent")
        self._gauges.set(DEVICE_STATES, sum(each.state(now) is DeviceState.WELL for each in found), "ok")
        self._gauges.set(QUEUE, sum(spooled(each) for each in found), "edge_spool")
        named = dict(zip(names(found[:DEVICES]), found, strict=False))
        for name, device in named.items():
            self._show(device, name, silent=device in silent)
        offsets = [each.clock_offset_seconds for each in found if each not in silent]
        if known := [each for each in offsets if each is not None]:
            self._gauges.set(CLOCK_SKEW, median(known), "devices")

    def _show(self, device: Device, name: str, *, silent: bool) -> None:
        self._gauges.set(DEVICE_SILENT, float(silent), name)
        self._gauges.set(DEVICE_SPOOL, spooled(device), name)
        self._gauges.set(DEVICE_DROPPED, sum((device.report.get("dropped") or {}).values()), name)
        if device.last_seen is not None:
            self._gauges.set(DEVICE_SEEN, device.last_seen.timestamp(), name)
        if device.clock_offset_seconds is not None:
            self._gauges.set(DEVICE_OFFSET, device.clock_offset_seconds, name)
        if (temperature := device.report.get("temperature_celsius")) is not None:
            self._gauges.set(DEVICE_TEMPERATURE, temperature, name)


def cameras(devices: Sequence[Device]) -> list[str]:
    """The cameras that devices name, in the order of the devices."""
    said = [each.report.get("cameras") or [] for each in devices]
    return list(dict.fromkeys(str(camera["id"]) for cameras in said for camera in cameras))


def spooled(device: Device) -> int:
    """Frames that wait on it, by its last heartbeat."""
    return int((device.report.get("spool") or {}).get("frames") or 0)


def names(devices: Sequence[Device]) -> list[str]:
    """Each device's name, with its id where another one has the same."""
    given = [device.name for device in devices]
    return [f"{each.name} {each.id}" if given.count(each.name) > 1 else each.name for each in devices]
