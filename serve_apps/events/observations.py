"""What each release was seen to do, counted in the database: a gateway must not spend its own time on it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, Engine

from serve_apps.database import reading
from serve_apps.faces import Standing, Verdict
from serve_apps.tables import events, recognition_failures


@dataclass
class Seen:
    """Of one release: counts, and the newest values, newest first.

    `recognize_ms` in milliseconds, `distances` of the faces that were matched, in the release's embedding space.
    """

    requests: int = 0
    faces: int = 0
    unknown_faces: int = 0
    no_face: int = 0
    recognize_ms: list[float] = field(default_factory=list)
    distances: list[float] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Observations:
    """Up to the event `last_seq` and the failed try `last_failure`; both are 0 when there was none ever."""

    releases: dict[str, Seen]
    failed_tries: dict[str, int]
    last_seq: int
    last_failure: int


def observed(engine: Engine, since_seq: int, since_failure: int, limit: int) -> Observations:
    """Events behind `since_seq` by release, with at most `limit` values a list; failed tries by application."""
    with reading(engine) as connection:
        last_seq = connection.scalar(sa.select(sa.func.max(events.c.seq))) or 0
        last_failure = connection.scalar(sa.select(sa.func.max(recognition_failures.c.seq))) or 0
        within = events.c.seq.between(since_seq + 1, last_seq)
        found = _counted(connection, within)
        for release, seen in found.items():
            _add_values(connection, sa.and_(within, events.c.release == release), limit, seen)
        return Observations(found, _failed(connection, since_failure, last_failure), last_seq, last_failure)


def _counted(connection: Connection, within: sa.ColumnElement[bool]) -> dict[str, Seen]:
    found: defaultdict[str, Seen] = defaultdict(Seen)
    frames = sa.select(events.c.release, events.c.verdict, sa.func.count()).where(within)
    for release, verdict, count in connection.execute(frames.group_by(events.c.release, events.c.verdict)):
        found[release].requests += count
        found[release].no_face += count if verdict == Verdict.NO_FACE else 0
    each = each_face(connection)
    standing = each.c.value["standing"].as_string().label("standing")
    face = sa.select(events.c.release, standing).select_from(events.join(each, sa.true())).where(within).subquery().c
    faces = sa.select(face.release, face.standing, sa.func.count()).group_by(face.release, face.standing)
    for release, said, count in connection.execute(faces):
        found[release].faces += count
        found[release].unknown_faces += count if said == Standing.UNKNOWN else 0
    return dict(found)


def _add_values(connection: Connection, of_release: sa.ColumnElement[bool], limit: int, seen: Seen) -> None:
    newest = events.c.seq.desc()
    took = sa.select(events.c.recognize_ms).where(of_release, events.c.recognize_ms.is_not(None))
    seen.recognize_ms = list(connection.scalars(took.order_by(newest).limit(limit)))
    each = each_face(connection)
    matched = sa.and_(of_release, each.c.value["person_id"].as_string().is_not(None))
    distances = sa.select(each.c.value["distance"].as_float()).select_from(events.join(each, sa.true())).where(matched)
    seen.distances = list(connection.scalars(distances.order_by(newest).limit(limit)))


def each_face(connection: Connection, faces: sa.ColumnElement[Any] = events.c.faces) -> sa.TableValuedAlias:
    """Each face of each event in a row of its own, its JSON in `value`; joined behind the table of `faces`."""
    each = sa.func.json_each if connection.dialect.name == "sqlite" else sa.func.json_array_elements
    return each(faces).table_valued(sa.column("value", sa.JSON))


def _failed(connection: Connection, since: int, last: int) -> dict[str, int]:
    table = recognition_failures
    query = sa.select(table.c.application, sa.func.count()).where(table.c.seq.between(since + 1, last))
    return {application: count for application, count in connection.execute(query.group_by(table.c.application))}
