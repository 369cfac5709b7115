"""What the database knows: enrolled faces, notices that are due, today's events by camera."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, time, tzinfo

import sqlalchemy as sa
from sqlalchemy import Engine

from cluster.monitoring.metrics import CAMERA_EVENTS, CAMERAS, KNOWN_FACES, QUEUE
from serve_apps.database import reading
from serve_apps.tables import events, gallery_faces, notices
from serve_apps.watch.parts import Gauges

REST = "other"


class Household:
    """`clock` is aware UTC, `zone` the house's; None: the machine's."""

    def __init__(self, engine: Engine, gauges: Gauges, clock: Callable[[], datetime], zone: tzinfo | None) -> None:
        self._engine = engine
        self._gauges = gauges
        self._clock = clock
        self._zone = zone

    def counts(self) -> None:
        """Faces and notices. Raises SQLAlchemyError."""
        faces = sa.select(sa.func.count()).select_from(gallery_faces)
        due = sa.select(sa.func.count()).where(notices.c.state == "pending", notices.c.due_at <= self._clock())
        with reading(self._engine) as connection:
            self._gauges.set(KNOWN_FACES, connection.scalar(faces) or 0)
            self._gauges.set(QUEUE, connection.scalar(due) or 0, "outbox")

    def cameras(self, enrolled: Callable[[], list[str]]) -> None:
        """Today's events: of cameras that devices name first, then of the busiest. Raises SQLAlchemyError."""
        count = sa.func.count()
        today = events.c.captured_at >= midnight(self._clock(), self._zone)
        first = sa.case((events.c.camera_id.in_(enrolled()[:CAMERAS]), 0), else_=1)
        by_camera = sa.select(events.c.camera_id, count).where(today).group_by(events.c.camera_id)
        with reading(self._engine) as connection:
            rows = connection.execute(by_camera.order_by(first, count.desc()).limit(CAMERAS)).tuples().all()
            total = connection.scalar(sa.select(count).where(today)) or 0
        found: dict[str, int] = dict(rows)
        for camera, seen in found.items():
            self._gauges.set(CAMERA_EVENTS, seen, camera)
        self._gauges.set(CAMERA_EVENTS, total - sum(found.values()), REST)


def midnight(now: datetime, zone: tzinfo | None) -> datetime:
    """When the day of `now` began at this place."""
    local = now.astimezone(zone)
    # A zone that is named finds the offset of midnight itself; the machine's has to be asked again.
    began = datetime.combine(local.date(), time(), zone)
    return began.astimezone()
