"""Triggers that note which ranges of which tables have changed, so that a snapshot reads only these.

A range is so many ids that lie close: of a column of numbers `width` of them, of a column of text those with the same
first two characters (`width` 0), of a small table all of them (no column). `backup_tracked` says which;
`backup/changes.py` reads it all.

With SQLite a range is marked with the `epoch` of `backup_clock`, which every snapshot moves on. There is one writer, so
a row of a mark is written over. With PostgreSQL that would make transactions wait for each other, so each marks with
its own number, and a snapshot puts them together. Marks are made for numbers below `until` only, which a snapshot
moves on: where none is ever taken, none pile up.

Used by migrations: a later one that makes a table calls `track` for it.
"""

from __future__ import annotations

from collections.abc import Iterator

from alembic import op

ACTS = ("INSERT", "UPDATE", "DELETE")


def track(table: str, column: str = "", width: int = 0) -> None:
    """From now on."""
    op.execute(f"INSERT INTO backup_tracked VALUES ('{table}', '{column}', {width})")  # noqa: S608 names of ours
    if op.get_bind().dialect.name == "sqlite":
        for act in ACTS:
            op.execute(_sqlite_trigger(table, column, width, act))
        return
    for statement in _postgresql(table, column, width):
        op.execute(statement)


def _sqlite_trigger(table: str, column: str, width: int, act: str) -> str:
    rows = {"INSERT": ["NEW"], "DELETE": ["OLD"], "UPDATE": ["OLD", "NEW"]}[act]
    keys = dict.fromkeys(_key(row, column, f"CAST({row}.{column} / {width} AS TEXT)", width) for row in rows)
    noted = "".join(
        f"INSERT INTO backup_changes VALUES ('{table}', {key}, (SELECT epoch FROM backup_clock)) "  # noqa: S608
        "ON CONFLICT (table_name, range_key) DO UPDATE SET mark = excluded.mark WHERE mark <> excluded.mark; "
        for key in keys
    )
    return f"CREATE TRIGGER backup_{table}_{act.lower()} AFTER {act} ON {table} BEGIN {noted}END"


def _postgresql(table: str, column: str, width: int) -> Iterator[str]:
    old, new = (_key(row, column, f"({row}.{column} / {width})::text", width) for row in ("OLD", "NEW"))
    note = (
        "INSERT INTO backup_changes SELECT '{table}', {key}, pg_current_xact_id()::text::bigint FROM backup_clock "
        "WHERE pg_current_xact_id()::text::bigint < until ON CONFLICT DO NOTHING;"
    )
    left = "TG_OP = 'DELETE'" + (f" OR TG_OP = 'UPDATE' AND {old} <> {new}" if column else "")
    yield (
        f"CREATE FUNCTION backup_note_{table}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        f"IF {left} THEN {note.format(table=table, key=old)} END IF; "
        f"IF TG_OP <> 'DELETE' THEN {note.format(table=table, key=new)} END IF; RETURN NULL; END $$"
    )
    yield (
        f"CREATE TRIGGER backup_note AFTER INSERT OR UPDATE OR DELETE ON {table} "
        f"FOR EACH ROW EXECUTE FUNCTION backup_note_{table}()"
    )
    yield (
        f"CREATE TRIGGER backup_emptied AFTER TRUNCATE ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION backup_note_truncate()"
    )


def _key(row: str, column: str, number: str, width: int) -> str:
    if not column:
        return "''"
    return number if width else f"substr({row}.{column}, 1, 2)"
