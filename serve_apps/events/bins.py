"""What each release made of the faces of each camera, in bins of so many seconds, counted in the database."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy import Engine

from serve_apps.database import reading
from serve_apps.events.observations import each_face
from serve_apps.faces import Standing
from serve_apps.tables import events


@dataclass(frozen=True, slots=True)
class Bin:
    """One release's faces at one camera, captured within the same seconds; events without a face are in none.

    `at` is when the bin begins, in seconds since 1970. `distance` is the mean of the matched faces' distances in the
    release's embedding space, None without any.
    """

    release: str
    camera_id: str
    at: int
    faces: int
    unknown_faces: int
    distance: float | None


def binned(engine: Engine, since_seq: int, until_seq: int, most_events: int, seconds: int) -> list[Bin]:
    """Of the newest `most_events` events behind `since_seq` and up to `until_seq`; the newest bin comes first.

    The innermost query reads these by the primary key, however large the table is.
    """
    newest = (
        sa.select(events.c.seq, events.c.release, events.c.camera_id, events.c.captured_at, events.c.faces)
        .where(events.c.seq.between(since_seq + 1, until_seq))
        .order_by(events.c.seq.desc())
        .limit(most_events)
        .subquery()
    )
    event = newest.c
    with reading(engine) as connection:
        each = each_face(connection, event.faces)
        value, epoch = each.c.value, sa.extract("epoch", event.captured_at)  # whole seconds with SQLite
        whole = epoch if connection.dialect.name == "sqlite" else sa.func.floor(epoch)
        at = (sa.cast(whole, sa.BigInteger) // seconds * seconds).label("at")
        unknown = sa.case((value["standing"].as_string() == Standing.UNKNOWN, 1), else_=0)
        distance = sa.case((value["person_id"].as_string().is_not(None), value["distance"].as_float()))
        query = (
            sa.select(event.release, event.camera_id, at, sa.func.count(), sa.func.sum(unknown), sa.func.avg(distance))
            .select_from(newest.join(each, sa.true()))
            .group_by(event.release, event.camera_id, "at")
            .order_by(sa.func.max(event.seq).desc())
        )
        return [Bin(*row) for row in connection.execute(query)]
