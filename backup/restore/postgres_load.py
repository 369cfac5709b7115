"""Rows into the empty tables of a schema in PostgreSQL, by COPY and in one transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any

import psycopg
from sqlalchemy import Engine

from backup.errors import CannotRestore
from backup.rows import sequence_of

_KEYS = """SELECT conrelid::regclass::text, quote_ident(conname), pg_get_constraintdef(oid) FROM pg_constraint
WHERE connamespace = current_schema()::regnamespace AND contype IN ('p', 'u', 'f')
ORDER BY contype = 'f' DESC, conname"""
_INDEXES = """SELECT quote_ident(indexname), indexdef FROM pg_indexes WHERE schemaname = current_schema()
AND indexname NOT IN (SELECT conname FROM pg_constraint WHERE connamespace = current_schema()::regnamespace)"""
_TABLES = "SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = current_schema()"


class PostgresLoad:
    """Keys and indexes go before the rows come, and come back after them, foreign keys checked."""

    def __init__(self, engine: Engine) -> None:
        self._connection = engine.connect()
        self._raw: Any = self._connection.connection.driver_connection
        self._keys = self._all(_KEYS)
        self._indexes = self._all(_INDEXES)
        self._tables = [name for (name,) in self._all(_TABLES)]

    def __enter__(self) -> PostgresLoad:
        for table in self._tables:
            self._do(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        for table, name, _ in self._keys:
            self._do(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
        for name, _ in self._indexes:
            self._do(f"DROP INDEX {name}")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._raw.rollback()
        self._connection.close()
        self._connection.engine.dispose()
        if isinstance(error, psycopg.Error):
            raise CannotRestore(f"PostgreSQL: {str(error).splitlines()[0]}") from error

    def rows(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Some of a table's."""
        named = ", ".join(f'"{name}"' for name in columns)
        with self._raw.cursor() as cursor, cursor.copy(f'COPY "{table}" ({named}) FROM STDIN') as copy:
            for row in rows:
                copy.write_row(row)

    def finish(self, numbers: Mapping[tuple[str, str], int]) -> None:
        """With the numbers that sequences gave last; every one, also those that the snapshot's engine does not have."""
        for _, definition in self._indexes:
            self._do(definition)
        for table, name, definition in reversed(self._keys):
            self._do(f"ALTER TABLE {table} ADD CONSTRAINT {name} {definition}")
        for table in self._tables:
            self._do(f"ALTER TABLE {table} ENABLE TRIGGER USER")
        for table, column in self._all(_SERIAL):
            self._go_on_after(table, column, numbers.get((table, column), 0))
        self._raw.commit()

    def _go_on_after(self, table: str, column: str, number: int) -> None:
        highest = self._all(f'SELECT max("{column}") FROM "{table}"')[0][0] or 0  # noqa: S608
        last = max(number, highest)
        sequence = sequence_of(self._connection, table, column)
        self._do(f"SELECT setval('{sequence}', {max(last, 1)}, {last > 0})")

    def _do(self, statement: str) -> None:
        self._raw.execute(statement)

    def _all(self, query: str) -> list[Any]:
        found: list[Any] = self._raw.execute(query).fetchall()
        return found


_SERIAL = """SELECT table_name, column_name FROM information_schema.columns
WHERE table_schema = current_schema() AND column_default LIKE 'nextval%'"""
