"""The courier as a Ray Serve deployment."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable

from ray import serve

from serve_apps.notifications.courier import A_ROUND, Courier
from serve_apps.replica import settle_in

log = logging.getLogger(__name__)

PAUSE_SECONDS = 0.2
YIELDING = 10
"""Niceness added to the courier's: a visitor is answered before somebody is told of the last one."""

STUCK_SECONDS = 120.0
"""A round lasts at most one channel's timeouts; beyond this the courier is replaced."""


@serve.deployment(
    name="Courier",
    num_replicas=1,
    ray_actor_options={"num_cpus": 0.1},
    health_check_period_s=5,
    graceful_shutdown_wait_loop_s=0.5,
    graceful_shutdown_timeout_s=15,
)
class CourierReplica:
    """One thread that delivers, again and again."""

    def __init__(self, build: Callable[[], Courier]) -> None:
        settle_in()
        os.nice(YIELDING)
        self._courier = build()
        self._round_at = time.monotonic()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="rounds", daemon=True)
        self._thread.start()

    def check_health(self) -> None:
        """Raises RuntimeError when the thread is gone or stuck."""
        if not self._thread.is_alive() or time.monotonic() - self._round_at > STUCK_SECONDS:
            raise RuntimeError("the courier makes no rounds")

    def __del__(self) -> None:
        """Serve calls this before it ends a replica: finish the round, so that no notice is left uncertain."""
        self._ending.set()
        self._thread.join(timeout=10)

    def _run(self) -> None:
        while not self._ending.is_set():
            try:
                tried = self._courier.round()
            except Exception:
                # The outermost loop: a database that is away must not end the courier.
                log.exception("courier.round_failed")
                tried = 0
            self._round_at = time.monotonic()
            if tried < A_ROUND:  # a full round says that more are waiting
                self._ending.wait(PAUSE_SECONDS)
