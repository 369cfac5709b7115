"""The tables of a database as they are there, whatever the schema's version, and how their rows are cut into ranges."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.engine.interfaces import ReflectedColumn

KEYRING_TABLES = ("person_keys", "file_keys")
"""Kept apart, always."""

OWN = frozenset({"alembic_version", "backup_clock", "backup_tracked", "backup_changes", "backup_marks"})
"""Tables that a restore makes anew."""

WIDTH = 1000
PREFIX = 2

Kind = Literal["plain", "moment", "json", "truth"]


@dataclass(frozen=True, slots=True)
class Cut:
    """Ranges of `width` numbers of a column, of texts that begin alike (0), or one of the whole table (no column)."""

    column: str
    width: int


@dataclass(frozen=True, slots=True)
class Table:
    """`columns` with their kinds in the table's order, `order` the columns that its rows are sorted by.

    `tracked`: what has changed in it is noted.
    """

    name: str
    columns: tuple[tuple[str, Kind], ...]
    order: tuple[str, ...]
    texts: frozenset[str]
    cut: Cut
    tracked: bool

    @property
    def names(self) -> tuple[str, ...]:
        """Of the columns."""
        return tuple(name for name, _ in self.columns)

    def place(self, column: str) -> int:
        """Where it stands in a row."""
        return self.names.index(column)


def tables_of(connection: Connection) -> dict[str, Table]:
    """Every table that a snapshot holds, by name."""
    inspector = sa.inspect(connection)
    names = sorted(set(inspector.get_table_names()) - OWN - set(KEYRING_TABLES))
    cuts, noting = _tracked(connection), _triggers(connection)
    return {name: _table(inspector, name, cuts, noting) for name in names}


def named(connection: Connection, names: Iterable[str]) -> dict[str, Table]:
    """Those of these tables that are there, each one range."""
    inspector = sa.inspect(connection)
    there = sorted(set(inspector.get_table_names()) & set(names))
    return {name: _table(inspector, name, dict.fromkeys(there, Cut("", 0)), {}) for name in there}


def revision_of(connection: Connection) -> str:
    """Of the schema; empty for a database without one."""
    if not sa.inspect(connection).has_table("alembic_version"):
        return ""
    return str(connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar() or "")


def _table(inspector: sa.Inspector, name: str, cuts: Mapping[str, Cut], noting: Mapping[str, int]) -> Table:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sa.exc.SAWarning)
        reflected = inspector.get_columns(name)
    key = inspector.get_pk_constraint(name)["constrained_columns"] or [column["name"] for column in reflected]
    texts = frozenset(column["name"] for column in reflected if isinstance(column["type"], sa.String))
    cut = cuts.get(name) or _usual(key[0], texts)
    order = tuple(dict.fromkeys(([cut.column] if cut.column else []) + key))
    columns = tuple((column["name"], _kind(column)) for column in reflected)
    return Table(name, columns, order, texts, cut, name in cuts and noting.get(name, 0) > 0)


def _usual(first: str, texts: frozenset[str]) -> Cut:
    return Cut(first, 0 if first in texts else WIDTH)


def _kind(column: ReflectedColumn) -> Kind:
    kinds: tuple[tuple[Any, Kind], ...] = ((sa.DateTime, "moment"), (sa.JSON, "json"), (sa.Boolean, "truth"))
    return next((kind for type_, kind in kinds if isinstance(column["type"], type_)), "plain")


def _tracked(connection: Connection) -> dict[str, Cut]:
    if not sa.inspect(connection).has_table("backup_tracked"):
        return {}
    rows = connection.exec_driver_sql("SELECT table_name, column_name, width FROM backup_tracked")
    return {table: Cut(column, width) for table, column, width in rows}


def _triggers(connection: Connection) -> dict[str, int]:
    """How many of the triggers that note changes each table has; a table that was made again by hand has none."""
    if connection.dialect.name == "sqlite":
        query = (
            "SELECT tbl_name, count(*) / 3 FROM sqlite_master WHERE type = 'trigger' "
            "AND name IN ('backup_' || tbl_name || '_insert', 'backup_' || tbl_name || '_update', "
            "'backup_' || tbl_name || '_delete') GROUP BY tbl_name"
        )
    else:
        query = (
            "SELECT relname, count(*) / 2 FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid "
            "WHERE relnamespace = current_schema()::regnamespace AND tgenabled <> 'D' "
            "AND tgname IN ('backup_note', 'backup_emptied') GROUP BY relname"
        )
    return {table: number for table, number in connection.exec_driver_sql(query)}
