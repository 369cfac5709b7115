"""The two databases of a restored state, each beside the present one: a file of its own, or a schema of its own."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from backup.errors import CannotRestore
from backup.keyring import Keys
from backup.places import State
from backup.restore import schemas, swap
from backup.restore.postgres_load import PostgresLoad
from backup.restore.sqlite_load import SqliteLoad

LOOKING_SECONDS = 2.0
"""What only reads has ended by then."""

Load = SqliteLoad | PostgresLoad


@dataclass(frozen=True, slots=True)
class Beside:
    """Where a database is restored: `kind` is `database` or `keyring`, `live` the one that it will replace."""

    kind: str
    live: Engine
    file: Path | None
    waiting: Path | None
    connect: Callable[[str], Engine]

    def begin(self) -> None:
        """Empty."""
        if self.file is None:
            schemas.begin(self.live, self.kind)
        elif self.waiting is not None:
            self.waiting.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            for side in ("", *swap.SIDE_FILES):
                Path(f"{self.waiting}{side}").unlink(missing_ok=True)

    def refuse_others(self) -> None:
        """Raises CannotRestore while anybody else has the present one open: that process would go on with its file.

        What lies beside the file goes into it.
        """
        self.live.dispose()
        if self.file is None:
            schemas.refuse_others(self.live)
        elif self.file.exists():
            _refuse_others(self.file)

    @contextmanager
    def opened(self) -> Iterator[Engine]:
        """The restored one. Raises CannotRestore in the place of what a database says, as of a full disk."""
        engine = self.connect(self._url())
        try:
            yield engine
        except OperationalError as error:
            raise CannotRestore(f"{self.waiting or self.live.url.database}: {error.orig}") from error
        finally:
            engine.dispose()
        self._tidy()

    def load(self) -> Load:
        """For the rows."""
        if self.waiting is not None:
            return SqliteLoad(self.waiting)
        return PostgresLoad(self.connect(self._url()))

    def tables(self) -> tuple[str, ...]:
        """Restored ones; of a file nobody asks."""
        if self.file is not None:
            return ()
        with self.live.connect() as connection:
            return tuple(schemas.tables_in(connection, schemas.waiting(self.kind)))

    def _url(self) -> str:
        if self.waiting is not None:
            return f"sqlite:///{self.waiting}"
        return in_schema(self.live, schemas.waiting(self.kind))

    def _tidy(self) -> None:
        """A file alone is moved later, without those beside it."""
        if self.waiting is None:
            return
        left = Path(f"{self.waiting}-wal")
        if left.exists() and left.stat().st_size:
            raise CannotRestore(f"{left} is still in use; end whoever opened it")
        for side in (*swap.SIDE_FILES, "-writers"):
            Path(f"{self.waiting}{side}").unlink(missing_ok=True)


def _refuse_others(file: Path) -> None:
    until = time.monotonic() + LOOKING_SECONDS
    while _is_open_elsewhere(file):
        if time.monotonic() >= until:
            raise CannotRestore(f"{file} is open in another process; end the command that uses it, and try again")
        time.sleep(0.05)


def _is_open_elsewhere(file: Path) -> bool:
    """SQLite gives its journal up only to a file's sole user. What is no database is nobody's."""
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        try:
            connection.execute("PRAGMA journal_mode=DELETE")
        except sqlite3.DatabaseError as error:
            return error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
    return False


def beside(state: State) -> tuple[Beside, Beside]:
    """The database's and the keyring's."""
    return _beside(state, "database"), _beside(state, "keyring")


def engine_of(state: State, kind: str) -> Engine:
    """The present one: `database` or `keyring`."""
    return state.database if kind == "database" else state.keyring


def in_schema(engine: Engine, schema: str) -> str:
    """The URL of the same database, with another schema for tables without one."""
    url = engine.url.update_query_dict({"options": f"-csearch_path={schema}"})
    return url.render_as_string(hide_password=False)


def load_keys(at: Beside, keys: Keys, make_tables: Callable[[Engine], None]) -> None:
    """All of them."""
    with at.opened() as engine:
        make_tables(engine)
        with engine.begin() as connection:
            for name, table in keys.tables.items():
                _insert(connection, name, table.columns, table.rows)


def keys_in(engine: Engine, tables: Mapping[str, str]) -> dict[str, frozenset[str]]:
    """Of a keyring: the ids in each table, by the column that has them."""
    with engine.connect().execution_options(reading=True) as connection:
        there = set(sa.inspect(connection).get_table_names())
        return {
            name: frozenset(connection.scalars(sa.text(f"SELECT {column} FROM {name}")))  # noqa: S608 names of ours
            for name, column in tables.items()
            if name in there
        }


def _beside(state: State, kind: str) -> Beside:
    live = engine_of(state, kind)
    file = Path(str(live.url.database)) if live.dialect.name == "sqlite" else None
    return Beside(kind, live, file, swap.waiting(state.folder, file) if file else None, state.doors.connect)


def _insert(connection: sa.Connection, name: str, columns: tuple[str, ...], rows: Sequence[Sequence[object]]) -> None:
    table = sa.table(name, *map(sa.column, columns))
    if rows:
        connection.execute(table.insert(), [dict(zip(columns, row, strict=True)) for row in rows])
