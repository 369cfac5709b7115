"""PostgreSQL: tables are restored into a schema of their own and change places with the present ones at once."""

from __future__ import annotations

import time
from collections.abc import Iterable

from sqlalchemy import Connection, Engine

from backup.errors import CannotRestore

LOCK_SECONDS = 5
LOOKS = 20


def waiting(kind: str) -> str:
    """The schema in which restored tables wait."""
    return f"{kind}_restoring"


def before(kind: str) -> str:
    """The schema in which the state before stays."""
    return f"{kind}_before_restore"


def begin(engine: Engine, kind: str) -> None:
    """An empty schema to restore into; the state before an older restore goes."""
    with engine.begin() as connection:
        for schema in (waiting(kind), before(kind)):
            connection.exec_driver_sql(f"DROP SCHEMA IF EXISTS {schema} CASCADE")
        connection.exec_driver_sql(f"CREATE SCHEMA {waiting(kind)}")


def drop(engine: Engine, kind: str) -> None:
    """What waits, and the state before."""
    with engine.begin() as connection:
        for schema in (waiting(kind), before(kind)):
            connection.exec_driver_sql(f"DROP SCHEMA IF EXISTS {schema} CASCADE")


def forward(engine: Engine, kind: str) -> None:
    """Nothing when it was done already."""
    with engine.begin() as connection:
        if not _is_there(connection, waiting(kind)):
            return
        live = _live(connection)
        connection.exec_driver_sql(f"CREATE SCHEMA {before(kind)}")
        _move(connection, live, before(kind), tables_in(connection, waiting(kind)))
        _move(connection, waiting(kind), live, tables_in(connection, waiting(kind)))
        connection.exec_driver_sql(f"DROP SCHEMA {waiting(kind)} CASCADE")


def back(engine: Engine, kind: str, restored: Iterable[str]) -> None:
    """Nothing when it was done already; `restored` are the tables that came."""
    with engine.begin() as connection:
        if not _is_there(connection, before(kind)):
            return
        live = _live(connection)
        connection.exec_driver_sql(f"CREATE SCHEMA {waiting(kind)}")
        _move(connection, live, waiting(kind), restored)
        _move(connection, before(kind), live, tables_in(connection, before(kind)))
        for schema in (waiting(kind), before(kind)):
            connection.exec_driver_sql(f"DROP SCHEMA {schema} CASCADE")


def has_before(engine: Engine, kind: str) -> bool:
    """Whether there is a state before."""
    with engine.connect() as connection:
        return _is_there(connection, before(kind))


def tables_in(connection: Connection, schema: str) -> list[str]:
    """By name."""
    query = "SELECT tablename FROM pg_tables WHERE schemaname = %(schema)s ORDER BY 1"
    return [name for (name,) in connection.exec_driver_sql(query, {"schema": schema})]


def refuse_others(engine: Engine) -> None:
    """Raises CannotRestore while anybody else is connected to the database: a cluster would write into it.

    Of a connection that was just closed the server knows for a moment longer.
    """
    engine.dispose()
    for _ in range(LOOKS):
        with engine.connect() as connection:
            count = connection.exec_driver_sql(_OTHERS).scalar()
        if not count:
            return
        time.sleep(0.1)
    name = engine.url.database
    raise CannotRestore(f"{count} other connections use the database '{name}'; end the cluster, and whatever else")


_OTHERS = """SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
AND backend_type = 'client backend' AND pid <> pg_backend_pid()"""


def _move(connection: Connection, old: str, new: str, names: Iterable[str]) -> None:
    """Tables of these names, with what belongs to them, and the functions of their triggers."""
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'")
    wanted = set(names)
    functions = _functions(connection, old, wanted)
    for name in sorted(wanted & set(tables_in(connection, old))):
        connection.exec_driver_sql(f'ALTER TABLE {old}."{name}" SET SCHEMA {new}')
    for name in functions:
        connection.exec_driver_sql(f"ALTER FUNCTION {old}.{name}() SET SCHEMA {new}")


def _functions(connection: Connection, schema: str, tables: set[str]) -> list[str]:
    query = (
        "SELECT DISTINCT proname, relname FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid "
        "JOIN pg_proc ON pg_proc.oid = tgfoid "
        "WHERE NOT tgisinternal AND pronamespace = %(schema)s::regnamespace AND relnamespace = pronamespace"
    )
    rows = connection.exec_driver_sql(query, {"schema": schema})
    return sorted({function for function, table in rows if table in tables})


def _is_there(connection: Connection, schema: str) -> bool:
    query = "SELECT count(*) FROM pg_namespace WHERE nspname = %(schema)s"
    return bool(connection.exec_driver_sql(query, {"schema": schema}).scalar())


def _live(connection: Connection) -> str:
    return str(connection.exec_driver_sql("SELECT current_schema()").scalar())
