"""A frame's tries: first the recognizer of its camera, then another colour, so that a release may die or raise."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from cluster.monitoring.journey import current
from serve_apps.api.problems import RecognizerUnavailable
from serve_apps.api.routing import Attempt, Plan, Routing, choose, plans_of
from serve_apps.events.failures import FailedTry
from serve_apps.faces import Frame, Recognition, UndecodableImage

log = logging.getLogger(__name__)

READY_SECONDS = 2.0

Ask = Callable[..., Awaitable[Any]]
"""Calls a method of one application."""


class Failover:
    """Asks recognizer applications by the routing; `handle` gives the call of an application's method.

    `handle` may raise. `forget` is told of each failed call with its error: the next one may need a new handle.
    """

    def __init__(
        self,
        handle: Callable[[str, str], Ask],
        forget: Callable[[str, str, Exception], None],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._handle = handle
        self._forget = forget
        self._now = now
        self._plans = plans_of(Routing(weights={"recognizer-blue": 1}))
        self._epoch: int | None = None
        self._routing: Routing | None = None
        self._obeyed: Callable[[Routing], None] | None = None
        self.note: Callable[[FailedTry], None] | None = None

    def route(self, routing: Routing) -> None:
        """Take a routing, unless its epoch is lower than the highest that was taken."""
        if routing.epoch is not None:
            if self._epoch is not None and routing.epoch < self._epoch:
                log.warning("routing.not_taken epoch=%d: epoch %d came before", routing.epoch, self._epoch)
                return
            self._epoch = routing.epoch
        self._plans = plans_of(routing)
        self._routing = routing
        if self._obeyed is not None:
            self._obeyed(routing)
        log.info("routing.taken %s", routing.model_dump_json(exclude_none=True))

    def tell_routing(self, obeyed: Callable[[Routing], None]) -> None:
        """Have `obeyed` called with the routing that was taken, now and with each new one."""
        self._obeyed = obeyed
        if self._routing is not None:
            obeyed(self._routing)

    async def recognize(self, frame: Frame, gallery_version: int) -> Recognition:
        """Who is in a frame, with the milliseconds of all tries. Raises RecognizerUnavailable, UndecodableImage."""
        began = time.perf_counter()
        plan = self._plan()
        attempts = plan.attempts[choose(plan.weights, frame.camera_id)]
        journey = current.get()
        arguments = (frame.image, gallery_version, journey.names() if journey else {})
        found: Recognition = await self._first_answer(attempts, "recognize", arguments, frame)
        return dataclasses.replace(found, recognize_ms=(time.perf_counter() - began) * 1000)

    async def examine(self, *arguments: object) -> Any:
        """What the heaviest application says of a photograph. Raises RecognizerUnavailable, UndecodableImage."""
        return await self._first_answer(self._plan().examining, "examine", arguments)

    async def missing(self) -> str | None:
        """The first application that is needed and does not answer, or None. A canary is not needed."""
        for name in self._plan().needed:
            try:
                await asyncio.wait_for(self._handle(name, "ready")(), READY_SECONDS)
            except Exception as error:
                log.warning("recognizer.not_ready name=%s: %s", name, _said(error))
                self._forget(name, "ready", error)
                return f"the recognizer {name} does not answer"
        return None

    def _plan(self) -> Plan:
        return self._plans.at(self._now())

    async def _first_answer(
        self, attempts: tuple[Attempt, ...], method: str, arguments: tuple[object, ...], frame: Frame | None = None
    ) -> Any:
        for attempt in attempts:
            try:
                async with asyncio.timeout(attempt.seconds):
                    return await self._handle(attempt.application, method)(*arguments)
            except UndecodableImage as error:
                raise UndecodableImage(str(error)) from None
            except Exception as error:  # an engine's own errors come as themselves: the other colour may not have them
                self._forget(attempt.application, method, error)
                self._failed(attempt.application, frame, error)
        raise RecognizerUnavailable(attempts[-1].application)

    def _failed(self, application: str, frame: Frame | None, error: Exception) -> None:
        camera, trace = (frame.camera_id, frame.trace_id) if frame is not None else (None, None)
        failed = FailedTry(self._now(), application, camera, trace, _said(error))
        log.warning("recognizer.no_answer name=%s camera=%s trace=%s: %s", application, camera, trace, failed.error)
        if self.note is not None:
            self.note(failed)


def _said(error: Exception) -> str:
    """One line: the text of Ray's errors is a whole traceback, whose last line is the cause."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[-1].strip()}"[:500] if lines else type(error).__name__
