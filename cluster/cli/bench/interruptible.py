"""Signals that end a measurement in order."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from cluster import supervisor


@contextmanager
def interruptible() -> Iterator[None]:
    """Let the first Ctrl-C, SIGTERM or hang-up raise KeyboardInterrupt, and a second one not disturb the ending."""

    def stop(number: int, _: FrameType | None) -> None:
        for other in supervisor.PASSED_ON:
            signal.signal(other, signal.SIG_IGN)
        raise KeyboardInterrupt(number)

    for number in supervisor.PASSED_ON:
        signal.signal(number, stop)
    yield
