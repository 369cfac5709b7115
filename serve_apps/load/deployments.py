"""The forecaster as a Ray Serve deployment: one process outside the controller, behind everything else."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from ray import serve

from serve_apps.load.recorder import WRITE_SECONDS
from serve_apps.replica import settle_in

if TYPE_CHECKING:  # a gateway imports this module too, and need not hold numpy
    from serve_apps.load.forecaster import Forecaster

log = logging.getLogger(__name__)

EVERY_SECONDS = 60.0
AFTER_SECONDS = WRITE_SECONDS + 2
"""After a minute's end: by then every gateway has written it."""

YIELDING = 10
STUCK_SECONDS = 600.0


@serve.deployment(
    name="Forecaster",
    num_replicas=1,
    ray_actor_options={"num_cpus": 0.1},
    health_check_period_s=5,
    graceful_shutdown_wait_loop_s=0.5,
    graceful_shutdown_timeout_s=5,
)
class ForecasterReplica:
    """One thread that forecasts, minute by minute."""

    def __init__(self, build: Callable[[], Forecaster]) -> None:
        settle_in()
        os.nice(YIELDING)
        self._forecaster = build()
        self._round_at = time.monotonic()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="forecasts", daemon=True)
        self._thread.start()

    def check_health(self) -> None:
        """Raises RuntimeError when the thread is gone or stuck."""
        if not self._thread.is_alive() or time.monotonic() - self._round_at > STUCK_SECONDS:
            raise RuntimeError("the forecaster makes no rounds")

    def __del__(self) -> None:
        """Serve calls this before it ends a replica."""
        self._ending.set()

    def _run(self) -> None:
        while not self._ending.is_set():
            try:
                made = self._forecaster.round()
                log.info("forecast.made %s", made.method)
            except Exception:
                # The outermost loop: without a forecast the policy goes by the queue.
                log.exception("forecast.failed")
            self._round_at = time.monotonic()
            self._ending.wait(EVERY_SECONDS - (time.time() - AFTER_SECONDS) % EVERY_SECONDS)
