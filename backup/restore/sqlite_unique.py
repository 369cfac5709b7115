"""Unique constraints of an empty SQLite table, taken off while rows come and put back afterwards.

SQLite keeps the index of a constraint up to date with every row and cannot drop it; for ids that are random this takes
twice as long as sorting them once. So the table is made again without, a unique index is built when all rows are there,
and then the schema's own table is told that it is the constraint's: on the disk the two are the same. (How a schema is
edited: https://sqlite.org/lang_altertable.html#otheralter)
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from backup.errors import Damaged


@dataclass(frozen=True, slots=True)
class Constraint:
    """`index` is the constraint's own, over `columns` of `table`."""

    table: str
    index: str
    columns: tuple[str, ...]

    @property
    def stand_in(self) -> str:
        """What the index is called until it is the constraint's."""
        return f"restored_{self.index.removeprefix('sqlite_')}"


@dataclass(frozen=True, slots=True)
class TakenOff:
    """The constraints, and the tables as they were declared."""

    constraints: tuple[Constraint, ...]
    declared: dict[str, str]

    def build(self, connection: sqlite3.Connection) -> None:
        """The indexes. Raises sqlite3.IntegrityError when rows break a constraint."""
        for each in self.constraints:
            columns = ", ".join(f'"{column}"' for column in each.columns)
            connection.execute(f'CREATE UNIQUE INDEX "{each.stand_in}" ON "{each.table}" ({columns})')

    def put_back(self, connection: sqlite3.Connection) -> None:
        """After this the connection must be closed: it does not know its own schema any more."""
        version = connection.execute("PRAGMA schema_version").fetchone()[0]
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("BEGIN")
        for table, sql in self.declared.items():
            connection.execute("UPDATE sqlite_master SET sql = ? WHERE type = 'table' AND name = ?", (sql, table))
        for each in self.constraints:
            update = "UPDATE sqlite_master SET name = ?, sql = NULL WHERE type = 'index' AND name = ?"
            connection.execute(update, (each.index, each.stand_in))
        connection.execute(f"PRAGMA schema_version = {version + 1}")
        connection.execute("COMMIT")


def take_off(connection: sqlite3.Connection) -> TakenOff:
    """Of every table that has no row yet; no table may have other indexes or triggers."""
    query = "SELECT tbl_name, name FROM sqlite_master WHERE type = 'index' AND sql IS NULL ORDER BY rowid"
    found = tuple(
        Constraint(table, index, _columns(connection, index))
        for table, index in connection.execute(query).fetchall()
        if connection.execute(f'SELECT 1 FROM "{table}" LIMIT 1').fetchone() is None  # noqa: S608 what SQLite named
    )
    declared = {each.table: _declared(connection, each.table) for each in found}
    for table, sql in declared.items():
        bare = _bare(connection, table, "AUTOINCREMENT" in sql.upper())
        connection.execute(f'DROP TABLE "{table}"')
        connection.execute(bare)
    return TakenOff(found, declared)


def check(connection: sqlite3.Connection) -> None:
    """Raises Damaged when the file is not as SQLite itself would have made it."""
    found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if found != "ok":
        raise Damaged(f"the database that was made of the snapshot is not sound: {found}")


def _declared(connection: sqlite3.Connection, table: str) -> str:
    query = "SELECT sql FROM sqlite_master WHERE type = 'table' AND name = ?"
    return str(connection.execute(query, (table,)).fetchone()[0])


def _columns(connection: sqlite3.Connection, index: str) -> tuple[str, ...]:
    return tuple(name for _, _, name in connection.execute(f'PRAGMA index_info("{index}")'))


def _bare(connection: sqlite3.Connection, table: str, counts: bool) -> str:
    """The same columns in the same order, of the same affinities, and the same one for the row's own number."""
    columns = connection.execute(f'PRAGMA table_info("{table}")').fetchall()
    keys = [name for _, name, type_, _, _, key in columns if key]
    numbers = [name for _, name, type_, _, _, key in columns if key and type_.upper() == "INTEGER" and len(keys) == 1]
    own = " PRIMARY KEY AUTOINCREMENT" if counts else " PRIMARY KEY"
    listed = (f'"{name}" {type_}{own if name in numbers else ""}' for _, name, type_, _, _, _ in columns)
    return f'CREATE TABLE "{table}" ({", ".join(listed)})'
