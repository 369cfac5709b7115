"""The gateway as a Ray Serve deployment: HTTP in, recognizer handles behind it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Protocol

from ray import serve
from ray.exceptions import RayTaskError
from starlette.types import ASGIApp

from serve_apps.api.failover import Failover
from serve_apps.api.routing import Routing
from serve_apps.events.failures import FailedTry
from serve_apps.faces import Examination, Frame, Recognition, UndecodableImage
from serve_apps.recognition.trial import Trial, TrialFailed, TrialFrame, TrialPerson
from serve_apps.replica import settle_in

TRIAL_SECONDS = 60.0


class Recognizers(Protocol):
    """What an ASGI application is built on."""

    async def recognize(self, frame: Frame, gallery_version: int) -> Recognition:
        """Raises RecognizerUnavailable, UndecodableImage."""

    async def examine(self, photo: bytes, gallery_version: int, count: int) -> Examination:
        """Raises RecognizerUnavailable, UndecodableImage."""

    async def try_out(self, application: str, people: list[TrialPerson], frames: list[bytes]) -> Trial:
        """Raises TrialFailed, UndecodableImage."""

    async def replay(self, application: str, image: bytes, gallery_version: int) -> TrialFrame:
        """Raises TrialFailed, UndecodableImage."""

    async def missing(self) -> str | None:
        """What keeps the recognizers from answering, or None."""

    def tell_failures(self, note: Callable[[FailedTry], None]) -> None:
        """Have `note` called with each try that fails; it must not wait."""

    def tell_routing(self, obeyed: Callable[[Routing], None]) -> None:
        """Have `obeyed` called with the routing that holds, now and with each new one; it must not wait."""


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
        self._handles: dict[tuple[str, str], Any] = {}
        self._failover = Failover(self._call, self._forget)

    def reconfigure(self, user_config: dict[str, Any]) -> None:
        """Take new weights. Raises ValidationError for another than Routing."""
        self._failover.route(Routing.model_validate(user_config))

    async def __serve_build_asgi_app__(self) -> ASGIApp:
        return self._build(self)

    async def recognize(self, frame: Frame, gallery_version: int) -> Recognition:
        """Who is in a frame, from the recognizer of its camera."""
        return await self._failover.recognize(frame, gallery_version)

    async def examine(self, photo: bytes, gallery_version: int, count: int) -> Examination:
        """The faces of a photograph."""
        found: Examination = await self._failover.examine(photo, gallery_version, count)
        return found

    async def try_out(self, application: str, people: list[TrialPerson], frames: list[bytes]) -> Trial:
        """Golden frames through a recognizer, with or without weight."""
        found: Trial = await self._asked(application, "try_out", people, frames)
        return found

    async def replay(self, application: str, image: bytes, gallery_version: int) -> TrialFrame:
        """A recent frame through a recognizer, with or without weight."""
        found: TrialFrame = await self._asked(application, "replay", image, gallery_version)
        return found

    async def missing(self) -> str | None:
        """Asks every recognizer that is needed."""
        return await self._failover.missing()

    def tell_failures(self, note: Callable[[FailedTry], None]) -> None:
        """Have `note` called with each try that fails."""
        self._failover.note = note

    def tell_routing(self, obeyed: Callable[[Routing], None]) -> None:
        """Have `obeyed` called with the routing that holds."""
        self._failover.tell_routing(obeyed)

    async def _asked(self, application: str, method: str, *arguments: object) -> Any:
        try:
            async with asyncio.timeout(TRIAL_SECONDS):
                return await self._handle(application, method).remote(*arguments)
        except UndecodableImage as error:
            raise UndecodableImage(str(error)) from None
        except Exception as error:  # an engine's own errors come as themselves
            self._forget(application, method, error)
            raise TrialFailed.of(application, error) from error

    def _forget(self, name: str, method: str, error: Exception) -> None:
        """A handle whose replica answered, if only by raising, stays: a new one costs a call that blocks the loop."""
        if not isinstance(error, RayTaskError):
            self._handles.pop((name, method), None)

    def _call(self, name: str, method: str) -> Callable[..., Any]:
        call: Callable[..., Any] = self._handle(name, method).remote
        return call

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
