"""Rows into an empty SQLite file, as fast as the disk takes them: nobody else knows the file yet."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Any

from backup.errors import CannotRestore, Damaged
from backup.restore import sqlite_unique

CACHE_KB = 32_000

_FAST = (
    "PRAGMA journal_mode = OFF",  # a file that was not finished is thrown away
    "PRAGMA synchronous = OFF",
    "PRAGMA locking_mode = EXCLUSIVE",
    "PRAGMA foreign_keys = OFF",
    f"PRAGMA cache_size = -{CACHE_KB}",
    "PRAGMA threads = 2",  # of sorters, when indexes are made
)


class SqliteLoad:
    """Indexes and triggers go before the rows come, and come back after them."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._connection = sqlite3.connect(file, isolation_level=None)
        for pragma in _FAST:
            self._connection.execute(pragma)
        query = "SELECT type, name, sql FROM sqlite_master WHERE type IN ('index', 'trigger') AND sql IS NOT NULL"
        self._later = self._connection.execute(query).fetchall()

    def __enter__(self) -> SqliteLoad:
        self._connection.execute("BEGIN")
        for kind, name, _ in self._later:
            self._connection.execute(f'DROP {kind} "{name}"')
        self._taken_off = sqlite_unique.take_off(self._connection)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._connection.close()
        if isinstance(error, sqlite3.Error):
            raise CannotRestore(f"{self._file}: {error}") from error

    def rows(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Some of a table's."""
        named = ", ".join(f'"{name}"' for name in columns)
        marks = ", ".join("?" * len(columns))
        self._connection.executemany(f'INSERT INTO "{table}" ({named}) VALUES ({marks})', rows)  # noqa: S608

    def finish(self, numbers: Mapping[tuple[str, str], int]) -> None:
        """With the numbers that sequences gave last. Raises Damaged when a row refers to one that is not there."""
        self._taken_off.build(self._connection)
        for _, _, sql in self._later:
            self._connection.execute(sql)
        for (table, _), number in numbers.items():
            self._go_on_after(table, number)
        self._connection.execute("COMMIT")
        self._taken_off.put_back(self._connection)
        self._connection.close()
        with closing(sqlite3.connect(self._file, isolation_level=None)) as whole:
            _check(whole)
            whole.execute("PRAGMA journal_mode = WAL")

    def _go_on_after(self, table: str, number: int) -> None:
        if not self._counts(table):
            return
        changed = self._connection.execute(
            "UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = ?", (number, table)
        )
        if not changed.rowcount:
            self._connection.execute("INSERT INTO sqlite_sequence VALUES (?, ?)", (table, number))

    def _counts(self, table: str) -> bool:
        found = self._connection.execute("SELECT sql FROM sqlite_master WHERE name = ?", (table,)).fetchone()
        return found is not None and "AUTOINCREMENT" in found[0].upper()


def _check(connection: sqlite3.Connection) -> None:
    sqlite_unique.check(connection)
    with closing(connection.execute("PRAGMA foreign_key_check")) as broken:
        found = broken.fetchone()
    if found is not None:
        raise Damaged(f"a row of {found[0]} refers to a row of {found[2]} that is not there")
