"""A network camera by RTSP: always the newest picture, never one that waited in a buffer."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Condition
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import structlog

from edge.drivers.device import Device, prepare_opencv, shown, unreachable
from edge.errors import CameraFailed, SettingsInvalid
from edge.settings.cameras import RtspSettings

if TYPE_CHECKING:
    import cv2

log = structlog.get_logger(__name__)

FROZEN_AFTER_S = 60.0
"""Longer than for a USB camera: in a still scene an encoder repeats pictures to the bit, at the most until it has sent
a few key frames."""
_PORT = 554
_FIRST_ANALYSIS_S, _LONG_ANALYSIS_S = 0.5, 5.0
"""FFmpeg watches the stream before it begins. With 5 s, its default, opening took 3.8 s here, with 0.5 s 0.9 s; a
camera that tells its picture size only in key frames, seconds apart, needs the longer one."""
_BEHIND_S = 0.25
_CATCH_UP_S = 2.0
_CREEP = 0.002


def open_rtsp(settings: RtspSettings) -> RtspSource:
    """Open the stream; the address is read again each time. Raises CameraFailed, which never quotes a password."""
    prepare_opencv()
    try:
        address = address_of(settings)
    except SettingsInvalid as error:
        raise CameraFailed(error.what, error.way_out) from error
    began_s = time.monotonic()
    device = _opened(address, settings, _FIRST_ANALYSIS_S)
    if not device.isOpened() and time.monotonic() - began_s < settings.silence_s:
        why = unreachable(address, _PORT)
        if why:
            raise CameraFailed(f"no camera at {shown(address)}: {why}", "check its address, cable and power")
        device = _opened(address, settings, _LONG_ANALYSIS_S)
    if not device.isOpened():
        device.release()
        raise CameraFailed(
            f"{shown(address)} gives no stream over {settings.transport}",
            "check the path, user and password in the address, and the transport",
        )
    return RtspSource(shown(address), device)


def address_of(settings: RtspSettings) -> str:
    """Return the address with its password. Raises SettingsInvalid, which does not quote it."""
    try:
        address = settings.source or settings.url_file.read_text(encoding="utf-8").strip()  # type: ignore[union-attr]  # settings have one of the two
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsInvalid(f"cannot read {settings.url_file}", "check its name and its owner") from error
    try:
        parts = urlsplit(address)
        well = parts.scheme in ("rtsp", "rtsps") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        well = False
    if not well:
        raise SettingsInvalid(f"the address of camera {settings.id} is no RTSP address", "write rtsp://HOST:PORT/PATH")
    return address


def interrupt(settings: RtspSettings) -> None:
    """End our connections to the camera, so that FFmpeg, which may wait for `silence_s`, returns at once with an error.

    OpenCV offers no way to do that from another thread. A camera given by name is known by its port alone, since
    asking for its address might take longer than waiting.
    """
    import psutil

    try:
        parts = urlsplit(address_of(settings))
        connections = psutil.Process().net_connections("tcp")
    except (SettingsInvalid, psutil.Error, OSError) as error:
        # Then closing takes as long as the driver does, at the most `silence_s`.
        log.warning("camera.not_interrupted", camera=settings.id, reason=f"{type(error).__name__}: {error}")
        return
    for connection in connections:
        if connection.raddr and connection.raddr.port == (parts.port or _PORT):
            if _is_number(parts.hostname) and connection.raddr.ip != parts.hostname:
                continue
            _shut(connection.fd)


def _is_number(host: str | None) -> bool:
    return host is not None and host.replace(".", "").isdigit()


def _shut(descriptor: int) -> None:
    with contextlib.suppress(OSError), socket.socket(fileno=os.dup(descriptor)) as connection:
        connection.shutdown(socket.SHUT_RDWR)


class Backlog:
    """How far behind its own clock a stream is. The least delay ever seen counts as none.

    That least delay creeps up by 0.2 %, so that a camera whose clock is slower than ours does not seem to fall behind
    for ever.
    """

    def __init__(self) -> None:
        self._least_s: float | None = None
        self._last_s = 0.0

    def behind_s(self, stream_s: float, now_s: float) -> float:
        """Return the seconds by which a picture is older than usual, from its own time and ours."""
        delay_s = now_s - stream_s
        if self._least_s is None:
            self._least_s = delay_s
        else:
            self._least_s = min(self._least_s + _CREEP * (now_s - self._last_s), delay_s)
        self._last_s = now_s
        return delay_s - self._least_s

    def forget(self) -> None:
        """Begin anew: the stream's clock has jumped, or its delay has changed for good."""
        self._least_s = None


class RtspSource(Device):
    """Passes over pictures that lay in a buffer while nobody read, by their own times."""

    def __init__(self, name: str, device: cv2.VideoCapture, *, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(name, device, "check the camera and the network to it")
        self._backlog = Backlog()
        self._clock = clock

    def grab(self) -> None:
        import cv2

        began_s = self._clock()
        while True:
            super().grab()
            now_s = self._clock()
            if self._backlog.behind_s(self.device.get(cv2.CAP_PROP_POS_MSEC) / 1000, now_s) <= _BEHIND_S:
                return
            if now_s - began_s > _CATCH_UP_S:
                self._backlog.forget()
                return


def _opened(address: str, settings: RtspSettings, analysis_s: float) -> cv2.VideoCapture:
    import cv2

    wishes = {
        "rtsp_transport": settings.transport,
        # What was sent during the analysis is old by its end.
        "fflags": "nobuffer",
        "flags": "low_delay",
        "analyzeduration": str(round(analysis_s * 1e6)),
    }
    silence_ms = round(settings.silence_s * 1000)
    limits = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, silence_ms, cv2.CAP_PROP_READ_TIMEOUT_MSEC, silence_ms]
    # Several decoding threads hold back as many pictures.
    threads = [cv2.CAP_PROP_N_THREADS, 1]
    with _OPTIONS.held("|".join(f"{name};{value}" for name, value in wishes.items())):
        return cv2.VideoCapture(address, cv2.CAP_FFMPEG, limits + threads)


class _Options:
    """OpenCV takes FFmpeg's options from the environment only; cameras with the same ones may open together."""

    _NAME = "OPENCV_FFMPEG_CAPTURE_OPTIONS"

    def __init__(self) -> None:
        self._users = 0
        self._free = Condition()

    @contextmanager
    def held(self, options: str) -> Iterator[None]:
        with self._free:
            self._free.wait_for(lambda: not self._users or os.environ.get(self._NAME) == options)
            os.environ[self._NAME] = options
            self._users += 1
        try:
            yield
        finally:
            with self._free:
                self._users -= 1
                if not self._users:
                    del os.environ[self._NAME]
                self._free.notify_all()


_OPTIONS = _Options()
