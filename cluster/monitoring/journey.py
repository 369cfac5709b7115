"""One posted frame on its way through a gateway, timed once: metrics and traces are both made of it.

A stage costs a microsecond or two. Where nobody listens no journey begins, and `stage` and `ended` do nothing.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import NamedTuple

from cluster.monitoring.trace_ids import trace_id_of

log = logging.getLogger(__name__)

STAGES = ("admit", "lookup", "recognize", "decode", "detect", "align", "embed", "refresh", "match", "record", "total")
"""`recognize` is the whole call of a recognizer with transport and queue, and `decode` to `match` lie in it: `align` is
placing and cutting chips, `refresh` reading what changed in the gallery (only where something did), `match` comes with
the quality. `total` lasts from the request's first byte to the answer's last."""


class Stage(NamedTuple):  # a recognizer sends seven with each answer: as a tuple in half of the time
    """A step of the hot path: one of STAGES, begun at an epoch second."""

    name: str
    began: float
    seconds: float


@dataclass(frozen=True, slots=True)
class FaceSeen:
    """A face's standing, the distance of the nearest person and how sure the release is: see `match.sureness`."""

    standing: str
    distance: float | None
    sureness: str


@dataclass(slots=True)
class Journey:
    """Moments are epoch seconds. `status` is recorded, replayed, refused or failed, `error` the problem's name.

    `traceparent` is the valid one that the request came with; `replica` the recognizer that answered.
    """

    began: float = field(default_factory=time.time)
    traceparent: str | None = None
    frame_id: str | None = None
    camera_id: str | None = None
    trigger: str | None = None
    captured_at: float | None = None
    release: str | None = None
    verdict: str | None = None
    faces: tuple[FaceSeen, ...] = ()
    stages: list[Stage] = field(default_factory=list)
    replica: str | None = None
    status: str = "failed"
    error: str | None = None
    _clock_began: float = field(default_factory=time.perf_counter)
    _lap: float = field(default_factory=time.perf_counter)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """What is done inside, also when it fails."""
        begun = time.perf_counter()
        try:
            yield
        finally:
            self._add(name, begun)

    def ended(self, name: str) -> None:
        """This stage began where the last one ended, and ends now."""
        self._add(name, self._lap)

    def took(self, stages: Iterable[Stage]) -> None:
        """Stages that another process has timed."""
        self.stages.extend(stages)

    def names(self) -> dict[str, str | None]:
        """What every line of a log says of it, in any process."""
        trace = trace_id_of(self.traceparent, self.frame_id)
        return {"frame_id": self.frame_id, "camera": self.camera_id, "release": self.release, "trace_id": trace}

    def finish(self, listeners: Sequence[Finished]) -> None:
        """The answer has left. Tell everybody; one that fails keeps it from nobody else."""
        self._add("total", self._clock_began)
        for finished in listeners:
            try:
                finished(self)
            except Exception:
                # The outermost caller of what must not disturb the request.
                log.exception("journey.not_told")

    def _add(self, name: str, begun: float) -> None:
        now = time.perf_counter()
        self.stages.append(Stage(name, self.began + begun - self._clock_began, now - begun))
        self._lap = now


Finished = Callable[[Journey], None]
"""A listener. It is called in the gateway's loop: it must not wait."""

current: ContextVar[Journey | None] = ContextVar("journey", default=None)


@contextmanager
def stage(name: str) -> Iterator[None]:
    """A stage of the current journey, if there is one."""
    journey = current.get()
    if journey is None:
        yield
        return
    with journey.stage(name):
        yield


def ended(name: str) -> None:
    """A stage of the current journey, if there is one, began where the last one ended, and ends now."""
    journey = current.get()
    if journey is not None:
        journey.ended(name)


@contextmanager
def begun() -> Iterator[Journey]:
    """A journey that is the current one inside."""
    journey = Journey()
    with resumed(journey):
        yield journey


@contextmanager
def resumed(journey: Journey | None) -> Iterator[None]:
    """One that was begun before is the current one again inside."""
    token = current.set(journey)
    try:
        yield
    finally:
        current.reset(token)
