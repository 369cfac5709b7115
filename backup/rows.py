"""Rows as they are read from either engine, with values that both write alike."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from typing import Any

from sqlalchemy import Connection

from backup.tables import PREFIX, Kind, Table

Row = tuple[Any, ...]

BATCH = 1000
"""Rows that are fetched at once."""

_IN_POSTGRESQL: dict[Kind, str] = {
    "plain": "{}",
    "moment": "to_char({}, 'YYYY-MM-DD HH24:MI:SS.US')",
    "json": "{}::text",
    "truth": "{}::int",
}


def all_rows(connection: Connection, table: Table) -> Iterator[Row]:
    """In the order of their ranges, and in one order inside of each whatever the engine."""
    return fetched(connection, _query(connection, table, ""))


def rows_in(connection: Connection, table: Table, keys: Iterable[str]) -> Iterator[Row]:
    """Those of some ranges. Numbers are found by an index, text in one pass over the table."""
    cut, wanted = table.cut, sorted(keys)
    if not cut.column:
        yield from all_rows(connection, table)
    elif cut.width:
        for number in sorted(map(int, wanted)):
            first = number * cut.width
            where = f'WHERE "{cut.column}" >= {first} AND "{cut.column}" < {first + cut.width}'
            yield from fetched(connection, _query(connection, table, where))
    elif wanted:
        mark = "?" if connection.dialect.name == "sqlite" else "%s"
        where = f'WHERE substr("{cut.column}", 1, {PREFIX}) IN ({", ".join([mark] * len(wanted))})'
        yield from fetched(connection, _query(connection, table, where), wanted)


def fetched(connection: Connection, query: str, values: Sequence[Any] = ()) -> Iterator[Row]:
    """A query's rows without anything in between: SQLAlchemy's would take half as long again. Holds few at once."""
    raw: Any = connection.connection
    postgresql = connection.dialect.name == "postgresql"
    with closing(raw.cursor(name="backup_rows") if postgresql else raw.cursor()) as cursor:
        cursor.execute(query, values)
        while rows := cursor.fetchmany(BATCH):
            yield from rows


def last_numbers(connection: Connection, tables: Iterable[Table]) -> list[list[Any]]:
    """[table, column, number]: the last number that each sequence gave, 0 for none."""
    if connection.dialect.name == "sqlite":
        query = "SELECT count(*) FROM sqlite_master WHERE name = 'sqlite_sequence'"
        if not connection.exec_driver_sql(query).scalar():
            return []
        given: dict[str, int] = dict(connection.exec_driver_sql("SELECT name, seq FROM sqlite_sequence").tuples().all())
        counted = [(table.name, table.order[0]) for table in tables if _counts(connection, table)]
        return [[name, column, given.get(name, 0)] for name, column in counted]
    return [
        [table.name, column, _last_of(connection, sequence)]
        for table in tables
        for column in table.order
        if (sequence := sequence_of(connection, table.name, column)) is not None
    ]


def sequence_of(connection: Connection, table: str, column: str) -> str | None:
    """The name of PostgreSQL's sequence behind a column."""
    named = {"table": f'"{table}"', "column": column}
    found = connection.exec_driver_sql("SELECT pg_get_serial_sequence(%(table)s, %(column)s)", named).scalar()
    return None if found is None else str(found)


def _counts(connection: Connection, table: Table) -> bool:
    sql = connection.exec_driver_sql("SELECT sql FROM sqlite_master WHERE name = ?", (table.name,)).scalar()
    return "AUTOINCREMENT" in str(sql).upper()


def _last_of(connection: Connection, sequence: str) -> int:
    last, called = connection.exec_driver_sql(f"SELECT last_value, is_called FROM {sequence}").one()  # noqa: S608
    return int(last) if called else 0


def _query(connection: Connection, table: Table, where: str) -> str:
    postgresql = connection.dialect.name == "postgresql"
    values = ", ".join(_value(name, kind, postgresql) for name, kind in table.columns)
    plain = table.texts if postgresql else frozenset()  # text in the order of its bytes, as SQLite has it anyway
    order = ", ".join(f'"{name}" COLLATE "C"' if name in plain else f'"{name}"' for name in table.order)
    return f'SELECT {values} FROM "{table.name}" {where} ORDER BY {order}'  # noqa: S608 names that the database gave


def _value(name: str, kind: Kind, postgresql: bool) -> str:
    if postgresql:
        return _IN_POSTGRESQL[kind].format(f'"{name}"')
    # SQLite would give JSON that is a bare number as one.
    return f'CAST("{name}" AS TEXT)' if kind == "json" else f'"{name}"'
