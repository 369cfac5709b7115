"""The whole flow: frame, faces, identities, event, notices."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from functools import partial

from sqlalchemy import Engine
from sqlalchemy.exc import IntegrityError

from cluster.monitoring.journey import FaceSeen, current, stage
from serve_apps.events import store
from serve_apps.events.event import Event
from serve_apps.events.store import EventStore
from serve_apps.faces import Frame, Recognition
from serve_apps.notifications import outbox
from serve_apps.notifications.rules import Rules


@dataclass(frozen=True, slots=True)
class Pipeline:
    """The steps that `answer` takes, as functions. `writer` has one thread: SQLite has one writer anyway."""

    engine: Engine
    events: EventStore
    rules: Callable[[], Rules]
    recognize: Callable[[Frame, int], Awaitable[Recognition]]
    readers: ThreadPoolExecutor
    writer: ThreadPoolExecutor


async def answer(frame: Frame, pipeline: Pipeline) -> tuple[Event, bool]:
    """The frame's event, on disk before this returns, and whether it was there already.

    Raises FrameIdReused, UndecodableImage, and what `recognize` raises when no replica answers.
    """
    loop = asyncio.get_running_loop()
    with stage("lookup"):
        before = partial(copy_context().run, pipeline.events.before, frame)
        known, gallery_version = await loop.run_in_executor(pipeline.readers, before)
    if known is not None:
        return known, True
    with stage("recognize"):
        recognition = await pipeline.recognize(frame, gallery_version)
    _took(recognition)
    with stage("record"):
        recorded = partial(copy_context().run, record, frame, recognition, pipeline)
        return await loop.run_in_executor(pipeline.writer, recorded)


def _took(recognition: Recognition) -> None:
    """What the recognizer timed is part of the frame's journey."""
    if (journey := current.get()) is not None:
        journey.took(recognition.stages)
        journey.release, journey.replica = recognition.release, recognition.replica
        sureness = recognition.sureness or ("none",) * len(recognition.identities)
        seen = zip(recognition.identities, sureness, strict=True)
        journey.faces = tuple(FaceSeen(face.standing.value, face.distance, sure) for face, sure in seen)


def record(frame: Frame, recognition: Recognition, pipeline: Pipeline) -> tuple[Event, bool]:
    """Event and notices in one transaction; the same frame at the same moment elsewhere wins only once."""
    try:
        with pipeline.engine.begin() as connection:
            event = store.insert(connection, frame, recognition)
            outbox.add(connection, event, pipeline.rules().recipients(event), frame.received_at)
            return event, False
    except IntegrityError:
        known, _ = pipeline.events.before(frame)
        if known is None:
            raise
        return known, True
