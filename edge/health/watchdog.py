"""Tells systemd that the box is up, and that it still works; silent where systemd does not ask.

The protocol is sd_notify(3): datagrams of VARIABLE=value lines to the socket named in NOTIFY_SOCKET. A message is six
lines of code, which is less than any package that would bring it.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from threading import Event, Thread

import structlog

log = structlog.get_logger(__name__)

LONGEST_BUSY_S = 60.0
"""A camera that has been at one picture for so long hangs: no read of a driver that we use waits longer than 30 s."""


def notify(message: str, environment: Mapping[str, str] = os.environ) -> bool:
    """Send a message to systemd; return whether somebody listens."""
    address = environment.get("NOTIFY_SOCKET", "")
    if not address:
        return False
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        try:
            # An abstract address is written with @ and meant with a zero byte.
            channel.sendto(message.encode(), "\0" + address[1:] if address.startswith("@") else address)
        except OSError as error:
            log.warning("watchdog.unheard", reason=str(error))
            return False
    return True


@contextmanager
def watched(stuck_s: Callable[[], float], environment: Mapping[str, str] = os.environ) -> Iterator[None]:
    """Say READY now, WATCHDOG as often as systemd asks while nothing is stuck, and STOPPING at the end."""
    listening = notify("READY=1", environment)
    asked_s = int(environment.get("WATCHDOG_USEC") or 0) / 1e6
    stop = Event()
    thread = Thread(target=_beat, args=(stuck_s, asked_s / 2, stop, environment), name="watchdog", daemon=True)
    if listening and asked_s:
        thread.start()
    try:
        yield
    finally:
        notify("STOPPING=1", environment)
        stop.set()
        if thread.is_alive():
            thread.join()


def _beat(stuck_s: Callable[[], float], every_s: float, stop: Event, environment: Mapping[str, str]) -> None:
    while not stop.wait(every_s):
        busy_s = stuck_s()
        if busy_s < LONGEST_BUSY_S:
            notify("WATCHDOG=1", environment)
        else:
            log.error("watchdog.stuck", busy_s=round(busy_s, 1))
