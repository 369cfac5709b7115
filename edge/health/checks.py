"""What `doorbell-edge check` looks at."""

from __future__ import annotations

import os
import shutil
import statistics
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from edge.camera import Picture
from edge.errors import SpoolBusy, Unusable
from edge.health.check import Finding, Look, State
from edge.health.vitals import temperature_celsius
from edge.settings import EdgeSettings, read_key
from edge.settings.cameras import ReplaySettings
from edge.settings.triggers import ButtonSettings, LedSettings, MotionSensorSettings, RelaySettings
from edge.spool.folder import unusable

_HOT_CELSIUS = 80.0
"""Where a Pi begins to slow down; source: Raspberry Pi documentation, "Frequency management and thermal control"."""
_CLOCK_OFF_S = 2.0
_SLOW_SYNC_MS = 100.0
_THROTTLED = Path("/sys/devices/platform/soc/soc:firmware/get_throttled")


def _cluster(settings: EdgeSettings) -> Iterator[Finding]:
    from edge.health.probe import probe

    answers = [(url, probe(settings.gateway, url)) for url in (settings.gateway.url, *settings.gateway.fallbacks)]
    for url, answer in answers:
        if answer.reached:
            yield Finding("cluster", "ok", f"{url} answers in {answer.milliseconds:.0f} ms")
        else:
            yield Finding("cluster", "bad", f"{url}: {answer.reason}", "check the address, the network and the cluster")
    reached = [answer for _, answer in answers if answer.reached]
    if not reached:
        return
    first = reached[0]
    if first.key_valid:
        yield Finding("key", "ok", f"accepted as {first.device}" if first.device else "accepted")
    else:
        yield Finding("key", "bad", first.reason, "enrol this box: doorbell-edge enroll")
    yield from _offset(first.offset_s)


def _offset(offset_s: float | None) -> Iterator[Finding]:
    if offset_s is None:
        yield Finding("clock", "look", "the cluster did not tell its time", "check that the key is valid")
    elif abs(offset_s) > _CLOCK_OFF_S:
        off = f"{abs(offset_s):.0f} s {'behind' if offset_s > 0 else 'ahead of'} the cluster"
        yield Finding("clock", "look", f"{off}; capture times are corrected", "timedatectl set-ntp true")
    else:
        yield Finding("clock", "ok", f"within {max(abs(offset_s), 0.001):.3f} s of the cluster")


def _key(settings: EdgeSettings) -> Iterator[Finding]:
    read_key(settings.gateway.key_file)
    if (file := settings.gateway.key_file) is not None and file.stat().st_mode & 0o077:
        yield Finding("key", "look", f"others may read {file}", f"chmod 600 {file}")


def _cameras(settings: EdgeSettings) -> Iterator[Finding]:
    from edge.devices import camera_of

    for told in settings.cameras:
        part = f"camera {told.id}"
        try:
            if isinstance(told, ReplaySettings):
                with closing(camera_of(told)):
                    yield Finding(part, "ok", f"images in {told.folder}")
                continue
            with closing(camera_of(told)) as camera:
                camera.capture(time.monotonic())
                asked_s = time.monotonic()
                picture = camera.capture(asked_s)
                yield _seen(part, picture, (time.monotonic() - asked_s) * 1000)
        except Unusable as error:
            yield Finding(part, "bad", error.what, error.way_out)


def _seen(part: str, picture: Picture, milliseconds: float) -> Finding:
    import cv2
    import numpy as np

    pixels = cv2.imdecode(np.frombuffer(picture.image, np.uint8), cv2.IMREAD_GRAYSCALE)
    if pixels is None:
        return Finding(part, "bad", "its picture cannot be decoded", "try another driver or format")
    height, width = pixels.shape
    size = f"{width}x{height}, {len(picture.image) / 1000:.0f} kB, {milliseconds:.0f} ms"
    if pixels.mean() < 16 and pixels.std() < 4:
        return Finding(part, "look", f"{size}, but black", "take off the cap, or give it light")
    return Finding(part, "ok", size)


def _gpio(settings: EdgeSettings) -> Iterator[Finding]:
    wanted = [
        part
        for part in (*settings.triggers, *settings.feedback)
        if isinstance(part, ButtonSettings | MotionSensorSettings | LedSettings | RelaySettings)
    ]
    if not wanted:
        return
    from edge.devices import opened_pin

    for part in wanted:
        try:
            with opened_pin(part):
                yield Finding(f"pin {part.pin}", "ok", f"{part.driver} through {_factory()}")
        except Unusable as error:
            yield Finding(f"pin {part.pin}", "bad", error.what, error.way_out)


def _factory() -> str:
    import gpiozero  # type: ignore[import-untyped]  # it ships no types

    return type(gpiozero.Device.pin_factory).__name__


def _disk(settings: EdgeSettings) -> Iterator[Finding]:
    from edge.wiring import spool_of

    told = settings.spool
    try:
        with spool_of(told) as spool:
            waiting = f"{len(spool)} frames wait"
            try:
                synced_ms = _sync_ms(told.folder)
            except OSError as error:
                raise unusable(told.folder, error) from error
    except SpoolBusy:
        yield Finding("spool", "ok", f"an agent works on {told.folder}")
        return
    state: State = "look" if synced_ms > _SLOW_SYNC_MS else "ok"
    way_out = "a better card answers in 10 ms" if state == "look" else ""
    yield Finding("spool", state, f"{told.folder}: {waiting}, a frame is on disk in {synced_ms:.0f} ms", way_out)
    free = shutil.disk_usage(told.folder).free
    if free < told.max_bytes:
        found = f"{free / 1e9:.1f} GB free, the spool may take {told.max_bytes / 1e9:.1f} GB"
        yield Finding("disk", "look", found, "lower spool.max_bytes or clear the disk")
    else:
        yield Finding("disk", "ok", f"{free / 1e9:.1f} GB free")


def _sync_ms(folder: Path, tries: int = 5, size: int = 60_000) -> float:
    """Milliseconds to get a file of a frame's size and its name onto the disk, the median of a few tries."""
    times = []
    for _ in range(tries):
        path = folder / ".check.tmp"
        began_s = time.monotonic()
        try:
            with path.open("wb") as file:
                file.write(os.urandom(size))
                file.flush()
                os.fsync(file.fileno())
            times.append((time.monotonic() - began_s) * 1000)
        finally:
            path.unlink(missing_ok=True)
    return statistics.median(times)


def _box(settings: EdgeSettings) -> Iterator[Finding]:
    now = datetime.now(UTC)
    if now.year < 2025:
        yield Finding("clock", "look", f"says {now:%Y-%m-%d}", "timedatectl set-ntp true")
    celsius = temperature_celsius()
    if celsius is not None and celsius >= _HOT_CELSIUS:
        yield Finding("heat", "look", f"{celsius:.0f} °C", "give it air: from 80 °C on a Pi slows down")
    if _THROTTLED.exists() and (flags := int(_THROTTLED.read_text(), 16)) & 0x50005:
        when = "now" if flags & 0x5 else "since it started"
        yield Finding("power", "look", f"too little power {when}", "use the power supply the Pi asks for")


LOOKS: dict[str, Look] = {
    "key": _key,
    "cluster": _cluster,
    "spool": _disk,
    "camera": _cameras,
    "gpio": _gpio,
    "box": _box,
}
