"""The gateway as a Ray Serve deployment: HTTP in, recognizer handles behind it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Protocol

from ray import serve
from ray.exceptions import RayError
from ray.serve.exceptions import RayServeException
from starlette.types import ASGIApp

from serve_apps.api.problems import RecognizerUnavailable
from serve_apps.api.routing import choose
from serve_apps.faces import Examined, Frame, Recognition, UndecodableImage
from serve_apps.replica import settle_in

log = logging.getLogger(__name__)

ANSWER_SECONDS = 5.0
TRIES = 3
"""A replica that dies takes its requests with it; recognising again is harmless, so another replica is asked."""


class Recognizers(Protocol):
    """What an ASGI application is built on."""

    async def recognize(self, frame: Frame, gallery_version: int) -> Recognition:
        """Raises RecognizerUnavailable, UndecodableImage."""

    async def examine(self, photo: bytes, gallery_version: int, count: int) -> list[Examined]:
        """Raises RecognizerUnavailable, UndecodableImage."""

    async def missing(self) -> str | None:
        """What keeps the recognizers from answering, or None."""


@serve.deployment(
    name="Gateway",
    max_ongoing_requests=1000,
    ray_actor_options={"num_cpus": 0.2},
    health_check_period_s=5,
    graceful_shutdown_wait_loop_s=0.5,
    graceful_shutdown_timeout_s=15,
    user_config={"weights": {"recognizer-blue": 100}},
)
@serve.ingress()
class GatewayReplica:
    """Serve changes the weights in place, through `user_config`."""

    def __init__(self, build: Callable[[Recognizers], ASGIApp]) -> None:
        settle_in()
        self._build = build
        self._weights: dict[str, int] = {}
        self._handles: dict[tuple[str, str], Any] = {}

    def reconfigure(self, user_config: dict[str, Any]) -> None:
        """Take new weights. Raises ValueError when none is left."""
        weights = {str(name): int(weight) for name, weight in user_config["weights"].items()}
        choose(weights, "")
        self._weights = weights

    async def __serve_build_asgi_app__(self) -> ASGIApp:
        return self._build(self)

    async def recognize(self, frame: Frame, gallery_version: int) -> Recognition:
        """Who is in a frame, from the recognizer of its camera."""
        found: Recognition = await self._ask(
            frame.camera_id, "recognize", frame.image, gallery_version, trace=frame.trace_id
        )
        return found

    async def examine(self, photo: bytes, gallery_version: int, count: int) -> list[Examined]:
        """The faces of a photograph."""
        found: list[Examined] = await self._ask("", "examine", photo, gallery_version, count)
        return found

    async def missing(self) -> str | None:
        """Asks every recognizer that has weight."""
        for name, weight in self._weights.items():
            if weight > 0:
                try:
                    await asyncio.wait_for(self._handle(name, "ready").remote(), 3.0)
                except (RayError, RayServeException, TimeoutError):
                    return f"the recognizer {name} does not answer"
        return None

    async def _ask(self, camera_id: str, method: str, *arguments: object, trace: str | None = None) -> Any:
        name = choose(self._weights, camera_id)
        for attempt in range(1, TRIES + 1):
            try:
                async with asyncio.timeout(ANSWER_SECONDS):
                    return await self._handle(name, method).remote(*arguments)
            except UndecodableImage as error:
                raise UndecodableImage(str(error)) from None
            except (RayError, RayServeException, TimeoutError) as error:
                said = type(error).__name__
                log.warning("recognizer.no_answer name=%s attempt=%d trace=%s: %s", name, attempt, trace, said)
                self._handles.pop((name, method), None)
        raise RecognizerUnavailable(name)

    def _handle(self, name: str, method: str) -> Any:
        """Serve makes a new handle for each option and each method's name, so the finished ones are kept.

        By value, since a frame is smaller than what a reference to it costs, and pickled by the interpreter's own
        pickle, since what travels are bytes and dataclasses.
        """
        if (name, method) not in self._handles:
            self._handles[name, method] = serve.get_app_handle(name).options(
                method_name=method,
                _by_reference=False,
                request_serialization="pickle",
                response_serialization="pickle",
            )
        return self._handles[name, method]
