from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from sqlalchemy import Engine

from backup import changes
from backup.changes import view
from backup.manifest import Source
from backup.tables import OWN, tables_of
from cluster.deployment.history import rollouts
from serve_apps.database import connect
from serve_apps.tables import metadata


@pytest.fixture
def engine(database: str) -> Iterator[Engine]:
    engine = connect(database)
    yield engine
    engine.dispose()


def do(engine: Engine, *statements: str) -> None:
    with engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


def position(engine: Engine) -> Source:
    with view(engine) as seen:
        return seen.source


def changed(engine: Engine, base: Source) -> dict[str, set[str]] | None:
    with view(engine) as seen:
        return seen.changed_since(base)


def person(name: str, number: str = "ab") -> str:
    return f"INSERT INTO people VALUES ('{number}-{name}', '{name}', 'known', '2026-03-01 12:00:00.000000')"


def change(seq: int) -> str:
    return f"INSERT INTO gallery_changes VALUES ({seq}, 'somebody')"


def test_every_table_is_tracked(engine: Engine) -> None:
    with engine.connect() as connection:
        found = tables_of(connection)

    declared = set(metadata.tables) | set(rollouts.metadata.tables)
    assert declared - OWN <= set(found)
    assert [table.name for table in found.values() if not table.tracked] == []


def test_nothing_has_changed_since_the_last_view(engine: Engine) -> None:
    do(engine, person("Ada"))

    assert changed(engine, position(engine)) == {}


def test_inserted_changed_and_deleted_rows_name_their_ranges(engine: Engine) -> None:
    do(engine, person("Ada", "aa"), person("Bob", "bb"), change(999), change(5000))
    base = position(engine)

    do(engine, person("Cy", "cc"), "UPDATE people SET name = 'Adam' WHERE name = 'Ada'", change(1000))
    do(engine, "DELETE FROM people WHERE name = 'Bob'", "DELETE FROM gallery_changes WHERE seq = 5000")

    assert changed(engine, base) == {"people": {"aa", "bb", "cc"}, "gallery_changes": {"1", "5"}}


def test_a_row_that_moves_changes_both_ranges(engine: Engine) -> None:
    do(engine, change(1))
    base = position(engine)

    do(engine, "UPDATE gallery_changes SET seq = 7001 WHERE seq = 1")

    assert changed(engine, base) == {"gallery_changes": {"0", "7"}}


def test_rows_that_go_with_another_are_noted(engine: Engine) -> None:
    face = "INSERT INTO gallery_faces VALUES ('ff-1', 'ab-Ada', '0', 1.0, '2026-03-01 12:00:00.000000')"
    do(engine, person("Ada"), face)
    base = position(engine)

    do(engine, "DELETE FROM people")

    assert changed(engine, base) == {"people": {"ab"}, "gallery_faces": {"ff"}}


def test_an_upsert_is_noted(engine: Engine) -> None:
    do(engine, person("Ada"))
    base = position(engine)

    do(engine, f"{person('Ada')} ON CONFLICT (id) DO UPDATE SET standing = 'blacklisted'")
    do(engine, f"{person('Eve', 'ee')} ON CONFLICT DO NOTHING", f"{person('Ada')} ON CONFLICT DO NOTHING")

    assert changed(engine, base) == {"people": {"ab", "ee"}}


def test_what_a_transaction_writes_that_ends_after_the_view_is_noted(engine: Engine) -> None:
    if engine.dialect.name == "sqlite":
        pytest.skip("SQLite has one writer at a time")
    position(engine)  # from now on changes are noted
    with engine.connect() as slow:
        slow.exec_driver_sql(change(3000))
        base = position(engine)
        do(engine, change(4000), change(4001))
        with view(engine) as seen:
            assert seen.changed_since(base) == {"gallery_changes": {"4"}}
        slow.commit()

    assert changed(engine, base) == {"gallery_changes": {"3", "4"}}
    assert changed(engine, seen.source) == {"gallery_changes": {"3"}}


def test_what_is_written_while_the_first_view_is_made_is_not_missed(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    if engine.dialect.name == "sqlite":
        pytest.skip("SQLite has one writer at a time")
    with connect(str(engine.url)).connect() as slow:
        monkeypatch.setattr(changes, "_put_together", lambda _: slow.exec_driver_sql(person("Ada")))
        base = position(engine)
        monkeypatch.undo()
        slow.commit()

    assert changed(engine, base) is None


def test_marks_are_put_together(engine: Engine) -> None:
    base = position(engine)
    for seq in range(20):
        do(engine, change(seq))
    assert changed(engine, base) == {"gallery_changes": {"0"}}

    with engine.connect() as connection:
        marks = connection.scalar(sa.text("SELECT count(*) FROM backup_changes"))

    assert marks == 1
    assert changed(engine, base) == {"gallery_changes": {"0"}}
    assert changed(engine, position(engine)) == {}


def test_a_base_that_this_database_has_not_told_is_not_believed(engine: Engine) -> None:
    source = position(engine)
    token, rest = source.position.split(" ", 1)
    other = "f" * len(token)

    assert changed(engine, Source(source.database, source.engine, source.revision, f"{other} {rest}")) is None
    assert changed(engine, Source("another", source.engine, source.revision, source.position)) is None


def test_a_table_that_was_made_anew_by_hand_is_not_tracked(engine: Engine) -> None:
    do(engine, "CREATE TABLE copy AS SELECT * FROM load_facts", "DROP TABLE load_facts")
    do(engine, "ALTER TABLE copy RENAME TO load_facts")

    with engine.connect() as connection:
        assert not tables_of(connection)["load_facts"].tracked


def test_a_database_whose_changes_nobody_asked_for_notes_none(engine: Engine) -> None:
    do(engine, change(1), change(2))

    with engine.connect() as connection:
        marks = connection.scalar(sa.text("SELECT count(*) FROM backup_changes"))

    assert marks == (1 if engine.dialect.name == "sqlite" else 0)


def test_a_table_that_was_emptied_at_once_makes_everything_be_read(engine: Engine) -> None:
    if engine.dialect.name == "sqlite":
        pytest.skip("SQLite has no TRUNCATE")
    do(engine, change(1))
    base = position(engine)

    do(engine, "TRUNCATE gallery_changes")

    assert changed(engine, base) is None
