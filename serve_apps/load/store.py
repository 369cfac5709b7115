"""The recorded load in SQL: seconds for eight days, minutes for ten weeks, sixty of either in a row."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

import sqlalchemy as sa
from sqlalchemy import Engine

from serve_apps.database import reading
from serve_apps.load.counts import BINS, NOT_RECORDED, Sixty
from serve_apps.tables import load_counts

MINUTE, HOUR, DAY = 60, 3600, 86_400
SECONDS_KEPT = 8 * DAY
"""A week and a day, so that the same hour of last week is there in full."""

MINUTES_KEPT = 70 * DAY
LATE = 10 * HOUR
"""How long after its end an hour may still change: a gateway's rows wait that long for a database that is away."""

FOLDED = ""
"""The source of rows that are sums over all gateways."""


class LoadStore:
    """Safe to share between threads and processes."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def write(self, rows: Sequence[Sixty]) -> None:
        """Write rows, or write them again. Raises SQLAlchemyError."""
        if not rows:
            return
        with self._engine.begin() as connection:
            connection.execute(_DELETE, [_key(row) for row in rows])
            connection.execute(load_counts.insert(), [_columns(row) for row in rows])

    def rows(self, step: int, since: float, until: float) -> list[Sixty]:
        """Of this step, those that begin in [since, until), in order. Raises SQLAlchemyError, ValueError."""
        table = load_counts.c
        query = sa.select(load_counts).where(table.step == step, table.start >= since, table.start < until)
        with reading(self._engine) as connection:
            found = connection.execute(query.order_by(table.start, table.camera_group, table.source)).tuples().all()
        return [Sixty.unpacked(*row) for row in found]

    def fold(self, now: float) -> int:
        """Sum the seconds of each hour that is over into minutes, and remove what is too old; how many hours.

        Hours that may still change are summed again. Raises SQLAlchemyError, ValueError.
        """
        table = load_counts.c
        ended = int(now) - int(now) % HOUR
        with reading(self._engine) as connection:
            last = connection.scalar(sa.select(sa.func.max(table.start)).where(table.step == MINUTE))
        since = ended - SECONDS_KEPT if last is None else min(last + HOUR, ended - LATE)
        folded = list(hours(self.rows(1, since, ended)))
        self.write(folded)
        with self._engine.begin() as connection:
            for step, kept in ((1, SECONDS_KEPT), (MINUTE, MINUTES_KEPT)):
                old = (table.step == step) & (table.start < now - kept)
                connection.execute(load_counts.delete().where(old))
        return len({row.start for row in folded})

    def size(self) -> tuple[int, int]:
        """Rows, and the bytes of their counts. Raises SQLAlchemyError."""
        query = sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(sa.func.length(load_counts.c.counts)), 0))
        with reading(self._engine) as connection:
            rows, size = connection.execute(query).one()
        return int(rows), int(size)


def hours(seconds: Iterable[Sixty]) -> Iterator[Sixty]:
    """Minutes, sixty in a row, of rows of seconds; a minute that no gateway recorded is not recorded in any group."""
    made: dict[tuple[int, str], Sixty] = {}
    recorded: dict[int, set[int]] = defaultdict(set)
    for row in seconds:
        start = row.start - row.start % HOUR
        minute = (row.start - start) // MINUTE
        recorded[start].add(minute)
        hour = made.setdefault((start, row.group), Sixty(start, MINUTE, row.group, FOLDED))
        hour.admitted[minute] += sum(row.admitted)
        hour.refused[minute] += sum(row.refused)
    for hour in made.values():
        for minute in set(range(BINS)) - recorded[hour.start]:
            hour.admitted[minute] = hour.refused[minute] = NOT_RECORDED
        yield hour


_DELETE = load_counts.delete().where(
    load_counts.c.start == sa.bindparam("s"),
    load_counts.c.step == sa.bindparam("p"),
    load_counts.c.camera_group == sa.bindparam("g"),
    load_counts.c.source == sa.bindparam("c"),
)


def _key(row: Sixty) -> dict[str, object]:
    return {"s": row.start, "p": row.step, "g": row.group, "c": row.source}


def _columns(row: Sixty) -> dict[str, object]:
    columns = {"start": row.start, "step": row.step, "camera_group": row.group, "source": row.source}
    return columns | {"counts": row.packed()}
