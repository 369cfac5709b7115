"""What a gateway does at its start and every hour from then on, in a thread: no frame may come for days."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping

log = logging.getLogger(__name__)

SECONDS = 3600.0


def hourly(works: Mapping[str, Callable[[], None]], seconds: float = SECONDS) -> None:
    """Do these, by their names, as long as the process lives."""

    def forever() -> None:
        while True:
            for name, work in works.items():
                try:
                    work()
                except Exception as error:  # the outermost loop: an hour later it may be well again
                    log.warning("hourly.failed work=%s: %s", name, type(error).__name__)
            time.sleep(seconds)

    threading.Thread(target=forever, name="hourly", daemon=True).start()
