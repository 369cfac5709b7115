"""What the HTTP layer is given: built in app.py, or by a test."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import TypeVar

from fastapi import Request

from cluster.monitoring.journey import Finished
from cluster.monitoring.meter import SILENT, Meter
from cluster.security.api_keys import KeyCheck
from cluster.security.device_codes import DeviceCodes
from cluster.security.devices import DeviceStore
from serve_apps.api.admission import AdmissionLimits, Guesses, Waiting
from serve_apps.api.sessions import Sessions
from serve_apps.events.recent import RecentFrames
from serve_apps.events.sampling import Sampling
from serve_apps.events.store import EventStore
from serve_apps.faces import Examination
from serve_apps.gallery.enroll import EnrolLimits
from serve_apps.gallery.store import Gallery
from serve_apps.load.counts import LoadCounts
from serve_apps.pipeline import Pipeline
from serve_apps.recognition.trial import Trial, TrialFrame, TrialPerson

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Parts:
    """`examine` takes a photograph, the gallery's version and how many persons to compare it with.

    `not_ready` names what keeps the recognizers from answering, or None. `io` has threads for the
    gallery and the keys. `meter` takes what is counted at the gateway, `finished` each posted frame's journey; without
    any listener frames are not timed.
    """

    pipeline: Pipeline
    events: EventStore
    gallery: Gallery
    keys: KeyCheck
    devices: DeviceStore
    codes: DeviceCodes
    guesses: Guesses
    examine: Callable[[bytes, int, int], Awaitable[Examination]]
    trial: Callable[[str, list[TrialPerson], list[bytes]], Awaitable[Trial]]
    replay: Callable[[str, bytes, int], Awaitable[TrialFrame]]
    recent: RecentFrames
    sampling: Sampling
    not_ready: Callable[[], Awaitable[str | None]]
    clock: Callable[[], datetime]
    enrol: EnrolLimits
    limits: AdmissionLimits
    load: LoadCounts
    waiting: Waiting
    streams: Waiting
    io: ThreadPoolExecutor
    sessions: Sessions = field(default_factory=Sessions)
    meter: Meter = SILENT
    finished: tuple[Finished, ...] = ()


async def off_loop(parts: Parts, call: Callable[..., T], *arguments: object) -> T:
    """Run what waits for a disk or a database in a thread of the parts'."""
    # With the context, so that what is logged there says whose request it was.
    return await asyncio.get_running_loop().run_in_executor(parts.io, copy_context().run, partial(call, *arguments))


def parts_of(request: Request) -> Parts:
    """The parts of the application that serves this request."""
    parts: Parts = request.app.state.parts
    return parts
