"""The rows of a restored database beside those of the source, which goes on meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy import ColumnElement, Connection, Engine, Select

from backup.drill import Excused, Key, Values, differences
from cluster.security.api_keys import keys
from cluster.security.audit import audit
from serve_apps.database import reading
from serve_apps.tables import (
    embeddings,
    event_people,
    events,
    gallery_changes,
    gallery_faces,
    notices,
    people,
)

PART = 20_000
"""Numbers that are compared at once, so that a million events need no more memory than that."""
SLACK = timedelta(minutes=1)
"""What was made so shortly before a snapshot may have been committed after it."""


@dataclass(frozen=True, slots=True)
class Compared:
    """Rows that never change, but by what is told of persons: the first `keys` columns name a row.

    `whose` and `made` are the places of the columns with a person's id and with the time it was made (epoch seconds);
    `number` grows from row to row; `newest` asks the source for the last one of before a moment: it must be restored.
    """

    name: str
    query: Select[Any]
    keys: int = 1
    whose: int | None = None
    made: int | None = None
    number: ColumnElement[int] | None = None
    newest: Callable[[datetime], Select[Any]] = lambda moment: sa.select(sa.null())

    def raw(self) -> Compared:
        """With values as the engine keeps them: a million events in a tenth of the time, where both are alike."""
        columns = [sa.type_coerce(each, sa.types.NULLTYPE) for each in self.query.selected_columns]
        query: Select[Any] = self.query.with_only_columns(*columns, maintain_column_froms=True)  # type: ignore[assignment]
        return replace(self, query=query)


def _event(moment: datetime) -> Select[Any]:
    return sa.select(events.c.seq).where(events.c.received_at < moment).order_by(events.c.seq.desc()).limit(1)


def _act(moment: datetime) -> Select[Any]:
    before = moment.astimezone(UTC).isoformat(timespec="microseconds")
    return sa.select(audit.c.seq).where(audit.c.at < before).order_by(audit.c.seq.desc()).limit(1)


_number = event_people.c.event_seq
_face = (gallery_faces.c.id, gallery_faces.c.person_id, gallery_faces.c.photo_sha256, gallery_faces.c.created_at)
_embedding = (embeddings.c.face_id, embeddings.c.space, gallery_faces.c.person_id, embeddings.c.sealed)
TABLES = (
    Compared("people", sa.select(people.c.id, people.c.name, people.c.standing, people.c.created_at), whose=0),
    Compared("gallery_faces", sa.select(*_face), whose=1),
    Compared("embeddings", sa.select(*_embedding).join(gallery_faces), keys=2, whose=2),
    Compared("api_keys", sa.select(keys.c.id, keys.c.created_at, keys.c.secret_sha256, keys.c.scopes), made=1),
    Compared("audit", sa.select(audit.c.seq, audit.c.hash, audit.c.object), number=audit.c.seq, newest=_act),
    Compared("events", sa.select(events), number=events.c.seq, newest=_event),
    Compared("event_people", sa.select(event_people), keys=2, whose=1, number=_number, newest=_event),
    Compared(
        "notices",
        sa.select(notices.c.id, notices.c.event_seq, notices.c.recipient),
        number=notices.c.event_seq,
        newest=_event,
    ),
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How many rows were restored and looked at, by table, and what is not as in the source.

    `changed`: persons whom the source has changed since the snapshot.
    """

    rows: Mapping[str, int]
    different: tuple[str, ...]
    changed: frozenset[str]


def compared(restored: Engine, source: Engine, taken_at: datetime) -> Outcome:
    """Every restored row. The source may have gone on since `taken_at`."""
    rows = {table.name: 0 for table in TABLES}
    before = taken_at - SLACK
    with reading(restored) as ours, reading(source) as theirs:
        different = list(_unlogged(ours, theirs, before))
        since = _Since.of(ours, theirs, taken_at)
        alike = restored.dialect.name == source.dialect.name
        for table in [each.raw() if alike else each for each in TABLES]:
            for mine, other in _parts(table, ours, theirs, before):
                rows[table.name] += len(mine)
                different += differences(table.name, mine, other, since.lost(table), since.added(table))
    return Outcome(rows, tuple(different), since.changed)


@dataclass(frozen=True, slots=True)
class _Since:
    """What the source did after the snapshot: persons that it `changed`; those it has are `enrolled`."""

    taken_at: datetime
    changed: frozenset[str]
    enrolled: frozenset[str]

    @staticmethod
    def of(restored: Connection, source: Connection, taken_at: datetime) -> _Since:
        log = sa.select(gallery_changes.c.seq, gallery_changes.c.person_id)
        known = {tuple(row) for row in restored.execute(log)}
        changed = frozenset(row.person_id for row in source.execute(log) if tuple(row) not in known)
        return _Since(taken_at, changed, frozenset(source.scalars(sa.select(people.c.id))))

    def lost(self, table: Compared) -> Excused:
        """A person's rows may go, and change, when the person did."""
        place = table.whose
        return lambda key, values: place is not None and (key + values)[place] in self.changed

    def added(self, table: Compared) -> Excused:
        """What came later, and what is still told of persons who are erased."""

        def later(key: Key, values: Values) -> bool:
            row = key + values
            if table.made is not None and row[table.made] >= self.taken_at.timestamp():
                return True
            gone = table.whose is not None and row[table.whose] not in self.enrolled
            return gone or (table.whose is not None and row[table.whose] in self.changed)

        return later


def _unlogged(restored: Connection, source: Connection, before: datetime) -> Iterator[str]:
    """Persons of before the snapshot without a row in its log of changes: they would be excused from everything."""
    first = (
        sa.select(sa.func.min(gallery_changes.c.seq), people.c.id)
        .join_from(gallery_changes, people, people.c.id == gallery_changes.c.person_id)
        .where(people.c.created_at < before)
        .group_by(people.c.id)
    )
    known = frozenset(restored.scalars(sa.select(gallery_changes.c.seq)))
    for seq, person in source.execute(first):
        if seq not in known:
            yield f"gallery_changes {seq}: not restored, of person {person}"


def _parts(
    table: Compared, restored: Connection, source: Connection, before: datetime
) -> Iterator[tuple[dict[Key, Values], dict[Key, Values]]]:
    """The rows of both sides, some at a time; of numbered ones to the last that may be restored."""
    if table.number is None:
        yield _rows(restored, table, table.query), _rows(source, table, table.query)
        return
    last = int(restored.scalar(sa.select(sa.func.max(table.number))) or 0)
    last = max(last, int(source.scalar(table.newest(before)) or 0))
    for start in range(0, last + 1, PART):
        query = table.query.where(table.number >= start, table.number < min(start + PART, last + 1))
        yield _rows(restored, table, query), _rows(source, table, query)


def _rows(connection: Connection, table: Compared, query: Select[Any]) -> dict[Key, Values]:
    found = (tuple(row) for row in connection.execute(query))
    return {row[: table.keys]: row[table.keys :] for row in found}
