"""The watch as a Ray Serve deployment: one process behind everything else, and what it asks Serve."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ray import serve
from ray.serve.context import _get_global_client

from serve_apps.faces import Examination
from serve_apps.replica import settle_in

if TYPE_CHECKING:
    from serve_apps.watch.parts import Watching

YIELDING = 10
ANSWER_SECONDS = 30.0


class Serving:
    """Serve, for threads: a handle works in its replica's event loop only."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._handles: dict[str, Any] = {}

    def applications(self) -> Mapping[str, Any]:
        """Each application's state, as `serve status` and the dashboard have it."""
        client = _get_global_client()
        assert client is not None  # or there would be no replica
        found: Mapping[str, Any] = client.get_serve_details()["applications"]
        return found

    def examine(self, application: str, photo: bytes) -> Examination:
        """The faces of a photograph by one recognizer. Raises UndecodableImage, TimeoutError, what Serve raises."""
        return asyncio.run_coroutine_threadsafe(self._examine(application, photo), self._loop).result()

    async def _examine(self, application: str, photo: bytes) -> Examination:
        if application not in self._handles:
            handle = serve.get_app_handle(application)
            self._handles[application] = handle.options(method_name="examine", _by_reference=False)
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                found: Examination = await self._handles[application].remote(photo, 0, 1)
        except Exception:
            self._handles.pop(application, None)
            raise
        return found


@serve.deployment(
    name="Watch",
    num_replicas=1,
    ray_actor_options={"num_cpus": 0.05},
    health_check_period_s=5,
    graceful_shutdown_wait_loop_s=0.5,
    graceful_shutdown_timeout_s=5,
)
class WatchReplica:
    """Looks, part by part; it remembers nothing that another replica could not find."""

    async def __init__(self, build: Callable[[Serving], Watching]) -> None:  # type: ignore[misc]  # Serve awaits it
        settle_in()
        os.nice(YIELDING)
        self._watching = build(Serving(asyncio.get_running_loop()))
        self._watching.start()

    def check_health(self) -> None:
        """Raises RuntimeError when a thread is gone."""
        if not self._watching.all_alive:
            raise RuntimeError("a part of the watch is gone")

    def __del__(self) -> None:
        """Serve calls this before it ends a replica."""
        self._watching.stop()
