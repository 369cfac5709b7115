from __future__ import annotations

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy import Engine

from cluster.cli.main import main
from cluster.security.api_keys import KeyStore, Scope, id_of
from cluster.security.audit import FIRST, Act, AuditBroken, append, audit, metadata, newest, walk
from cluster.security.device_codes import DeviceCodes
from serve_apps.database import connect, migrate

NOW = datetime(2026, 11, 24, 8, tzinfo=UTC)


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    """Without the triggers of the migrated schema: whoever changes rows has taken them away first."""
    engine = connect(f"sqlite:///{tmp_path}/doorbell.db")
    metadata.create_all(engine)
    return engine


def write(engine: Engine, *objects: str) -> None:
    for name in objects:
        with engine.begin() as connection:
            append(connection, "key 1", NOW, [Act("person.added", name, {"z": 1.5, "a": ["ü", None]})])


def change(engine: Engine, statement: sa.Executable) -> None:
    with engine.begin() as connection:
        connection.execute(statement)


def test_rows_are_chained_and_the_head_is_the_last_hash(engine: Engine) -> None:
    assert walk(engine) == walk(engine, FIRST)
    write(engine, "a", "b", "c")

    rows = newest(engine, 10)

    assert [row.seq for row in rows] == [1, 2, 3]
    assert [row.previous for row in rows] == [FIRST, rows[0].hash, rows[1].hash]
    assert (walk(engine).rows, walk(engine).head) == (3, rows[2].hash)


@pytest.mark.parametrize(
    "values",
    [{"actor": "key 2"}, {"object": "x"}, {"action": "person.erased"}, {"at": "2026"}, {"details": {"z": 1.5}}],
)
def test_a_changed_row_is_named(engine: Engine, values: dict[str, object]) -> None:
    write(engine, "a", "b", "c")
    change(engine, audit.update().where(audit.c.seq == 2).values(values))

    with pytest.raises(AuditBroken, match="row 2 was changed"):
        walk(engine)


def test_a_row_that_was_changed_with_its_hash_does_not_fit_the_next_one(engine: Engine) -> None:
    write(engine, "a")
    other = newest(engine, 1)[0]
    change(engine, audit.delete())
    write(engine, "b", "c")
    change(engine, audit.update().where(audit.c.seq == 1).values(object="a", hash=other.hash))

    with pytest.raises(AuditBroken, match="row 2 does not follow row 1"):
        walk(engine)


@pytest.mark.parametrize(("seq", "said"), [(1, "row 1 is missing"), (2, "row 2 is missing: row 3 comes after row 1")])
def test_a_removed_row_is_named(engine: Engine, seq: int, said: str) -> None:
    write(engine, "a", "b", "c")
    change(engine, audit.delete().where(audit.c.seq == seq))

    with pytest.raises(AuditBroken, match=said):
        walk(engine)


def test_a_tail_that_was_cut_off_is_found_by_a_head_that_was_written_down(engine: Engine) -> None:
    write(engine, "a", "b", "c")
    earlier = walk(engine).head
    write(engine, "d")
    assert walk(engine, earlier).rows == 4

    change(engine, audit.delete().where(audit.c.seq >= 3))

    assert walk(engine).rows == 2
    with pytest.raises(AuditBroken, match=f"no row has the hash {earlier} any more"):
        walk(engine, earlier)


def test_writers_at_once_make_one_chain(tmp_path: Path, engine: Engine) -> None:
    start = threading.Barrier(4)

    def some(number: int) -> None:
        own = connect(str(engine.url))
        start.wait()
        write(own, *(f"{number}.{each}" for each in range(10)))
        own.dispose()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(some, range(4)))

    assert walk(engine).rows == 40
    assert len({row.object for row in newest(engine, 100)}) == 40


def test_what_is_not_committed_is_not_in_the_trail(engine: Engine) -> None:
    with engine.connect() as connection:
        append(connection, "key 1", NOW, [Act("person.added", "a")])
        connection.rollback()

    assert walk(engine).rows == 0


def test_the_migrated_trail_takes_new_rows_only(tmp_path: Path) -> None:
    engine = connect(f"sqlite:///{tmp_path}/doorbell.db")
    migrate(engine)
    write(engine, "a")

    for statement in (audit.delete(), audit.update().values(actor="x")):
        with pytest.raises(sa.exc.DBAPIError, match="the audit trail only grows"):
            change(engine, statement)


def test_keys_and_devices_are_told_by_their_ids_only(engine: Engine) -> None:
    keys, codes = KeyStore(engine), DeviceCodes(engine)
    key = keys.create("Ada's telephone", frozenset({Scope.ALERTS}), NOW)
    keys.revoke(id_of(key), NOW)
    keys.revoke(id_of(key), NOW)
    code = codes.issue("Ada's porch", NOW, NOW.replace(year=2027))
    device = codes.redeem(code, NOW)

    rows = newest(engine, 10)

    told = [(row.action, row.object) for row in rows]
    assert told[:2] == [("key.made", id_of(key)), ("key.revoked", id_of(key))]
    assert told[2:] == [("code.issued", rows[2].object), ("device.enrolled", device.id)]
    assert rows[3].actor == f"code {rows[2].object}"
    kept = json.dumps([row.details | {"_": [row.actor, row.object]} for row in rows])
    assert not any(secret in kept for secret in ("Ada", key[20:], code, device.key[20:]))


@pytest.fixture
def doorbell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    monkeypatch.setenv("DOORBELL_DATA", str(tmp_path / "data"))

    def run(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    return run


def test_the_commands_show_and_verify_the_trail(doorbell: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    made = json.loads(doorbell("keys", "create", "me", "--scope", "alerts", "--json")[1])
    doorbell("keys", "revoke", made["id"])

    rows = json.loads(doorbell("audit", "list", "--json", "--action", "key.rev")[1])
    assert [(row["seq"], row["action"], row["object"]) for row in rows] == [(2, "key.revoked", made["id"])]
    assert made["id"] in doorbell("audit", "list", "--limit", "1")[1]
    head = rows[0]["hash"]
    assert doorbell("audit", "verify", "--head", head) == (0, f"the audit trail is whole: 2 rows, head {head}\n", "")
    assert json.loads(doorbell("audit", "verify", "--json")[1]) == {"whole": True, "rows": 2, "head": head}

    engine = connect(f"sqlite:///{tmp_path}/data/doorbell.db")
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP TRIGGER audit_no_update")
        connection.execute(audit.update().where(audit.c.seq == 1).values(actor="nobody"))
    status, out, err = doorbell("audit", "verify")
    assert (status, out, err.count("\n")) == (1, "", 1)
    assert err.startswith("doorbell: the audit trail is broken: row 1 was changed")
    assert doorbell("audit", "verify", "--head", "abc")[0] == 2
