"""What each release was seen to do, counted in the database: a gateway must not spend its own time on it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, Engine

from serve_apps.database import reading
from serve_apps.faces import Standing, Verdict
from serve_apps.tables import events, recognition_failures


@dataclass
class Seen:
    """Of one release: all of its `requests`, and of the newest `looked_at` of them the rest, lists newest first.

    `recognize_ms` in milliseconds with the `cameras` of these, `distances` of the faces that were matched, in the
    release's embedding space.
    """

    requests: int = 0
    looked_at: int = 0
    faces: int = 0
    unknown_faces: int = 0
    no_face: int = 0
    recognize_ms: list[float] = field(default_factory=list)
    cameras: list[str] = field(default_factory=list)
    distances: list[float] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Observations:
    """Up to the event `last_seq` and the failed try `last_failure`; both are 0 when there was none ever."""

    releases: dict[str, Seen]
    failed_tries: dict[str, int]
    last_seq: int
    last_failure: int


def observed(
    engine: Engine, since_seq: int, since_failure: int, limit: int, until_seq: int | None = None
) -> Observations:
    """Events behind `since_seq`, up to `until_seq`, by release; failed tries by application.

    All are counted, in an index; of each release no more than the newest `limit` events are read.
    """
    with reading(engine) as connection:
        last_seq = connection.scalar(sa.select(sa.func.max(events.c.seq))) or 0
        last_failure = connection.scalar(sa.select(sa.func.max(recognition_failures.c.seq))) or 0
        within = events.c.seq.between(since_seq + 1, last_seq if until_seq is None else min(until_seq, last_seq))
        found = {name: _seen(connection, within & (events.c.release == name), limit) for name in _releases(connection)}
        by_release = {name: seen for name, seen in found.items() if seen.requests}
        return Observations(by_release, _failed(connection, since_failure, last_failure), last_seq, last_failure)


def _releases(connection: Connection) -> Iterator[str]:
    """All that ever decided: a step in the index for each, where DISTINCT would read every event."""
    name = ""
    while (
        name := connection.scalar(sa.select(sa.func.min(events.c.release)).where(events.c.release > name))
    ) is not None:
        yield name


def _seen(connection: Connection, of_release: sa.ColumnElement[bool], limit: int) -> Seen:
    requests = connection.scalar(sa.select(sa.func.count()).select_from(events).where(of_release)) or 0
    found = Seen(requests, looked_at=min(requests, limit))
    newest = sa.select(events).where(of_release).order_by(events.c.seq.desc()).limit(limit)
    event = newest.subquery().c
    took = sa.select(event.verdict, event.recognize_ms, event.camera_id).order_by(event.seq.desc())
    for verdict, milliseconds, camera in connection.execute(took) if requests else ():
        found.no_face += verdict == Verdict.NO_FACE
        if milliseconds is not None:
            found.recognize_ms.append(milliseconds)
            found.cameras.append(camera)
    _add_faces(connection, newest.subquery(), limit, found)
    return found


def _add_faces(connection: Connection, newest: sa.Subquery, limit: int, seen: Seen) -> None:
    each = each_face(connection, newest.c.faces)
    face, value = newest.join(each, sa.true()), each.c.value
    unknown = sa.func.coalesce(sa.func.sum(sa.case((value["standing"].as_string() == Standing.UNKNOWN, 1), else_=0)), 0)
    seen.faces, seen.unknown_faces = connection.execute(sa.select(sa.func.count(), unknown).select_from(face)).one()
    matched = value["person_id"].as_string().is_not(None)
    distances = sa.select(value["distance"].as_float()).select_from(face).where(matched)
    seen.distances = list(connection.scalars(distances.order_by(newest.c.seq.desc()).limit(limit)))


def each_face(connection: Connection, faces: sa.ColumnElement[Any] = events.c.faces) -> sa.TableValuedAlias:
    """Each face of each event in a row of its own, its JSON in `value`; joined behind the table of `faces`."""
    each = sa.func.json_each if connection.dialect.name == "sqlite" else sa.func.json_array_elements
    return each(faces).table_valued(sa.column("value", sa.JSON))


def _failed(connection: Connection, since: int, last: int) -> dict[str, int]:
    table = recognition_failures
    query = sa.select(table.c.application, sa.func.count()).where(table.c.seq.between(since + 1, last))
    return {application: count for application, count in connection.execute(query.group_by(table.c.application))}
