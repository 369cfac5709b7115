from __future__ import annotations

import os
from pathlib import Path

import pytest
import sqlalchemy as sa

from cluster.security.keyring import Keyring, KeyringError, make_master_key, master_key
from serve_apps.database import connect, reading

MASTER = bytes(range(32))


@pytest.fixture
def database(tmp_path: Path) -> sa.Engine:
    return sa.create_engine(f"sqlite:///{tmp_path}/keyring.db")


@pytest.fixture
def keyring(database: sa.Engine) -> Keyring:
    ring = Keyring(database, MASTER)
    ring.create("resident")
    return ring


def test_what_is_sealed_opens_again_also_in_another_process(keyring: Keyring, database: sa.Engine) -> None:
    sealed = keyring.seal("resident", "crop 1", b"a face")

    assert b"a face" not in sealed
    assert keyring.open("resident", "crop 1", sealed) == b"a face"
    assert Keyring(database, MASTER).open("resident", "crop 1", sealed) == b"a face"


def test_the_same_thing_sealed_twice_looks_different(keyring: Keyring) -> None:
    assert keyring.seal("resident", "crop 1", b"a face") != keyring.seal("resident", "crop 1", b"a face")


def test_an_erased_persons_data_is_unreadable_from_then_on(keyring: Keyring, database: sa.Engine) -> None:
    sealed = keyring.seal("resident", "crop 1", b"a face")
    keyring.destroy(["resident"])

    for ring in (keyring, Keyring(database, MASTER)):
        with pytest.raises(KeyringError, match="erased"):
            ring.open("resident", "crop 1", sealed)
    with pytest.raises(KeyringError, match="erased"):
        keyring.seal("resident", "crop 1", b"a face")


def test_no_file_of_a_keyring_in_use_holds_the_key_of_an_erased_person(tmp_path: Path) -> None:
    database = connect(f"sqlite:///{tmp_path}/keyring.db")
    keyring = Keyring(database, MASTER)
    keyring.create("resident", "courier")
    with reading(database) as connection:
        rows = connection.exec_driver_sql("SELECT person_id, wrapped FROM person_keys")
        wrapped = {str(person): bytes(key) for person, key in rows}

    keyring.destroy(["resident"])

    kept = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert wrapped["resident"] not in kept
    assert wrapped["courier"] in kept


def test_a_person_who_comes_back_cannot_read_what_was_erased(keyring: Keyring) -> None:
    sealed = keyring.seal("resident", "crop 1", b"a face")
    keyring.destroy(["resident"])
    keyring.create("resident")

    with pytest.raises(KeyringError):
        keyring.open("resident", "crop 1", sealed)


def test_another_master_key_opens_nothing_and_says_so(keyring: Keyring, database: sa.Engine) -> None:
    sealed = keyring.seal("resident", "crop 1", b"a face")

    with pytest.raises(KeyringError, match="master key is not the one"):
        Keyring(database, bytes(32)).open("resident", "crop 1", sealed)


@pytest.mark.parametrize(
    "spoil", [lambda s: s[:-1], lambda s: s[:-1] + bytes([s[-1] ^ 1]), lambda s: s[:5], lambda _: b""]
)
def test_damaged_data_is_never_opened(keyring: Keyring, spoil) -> None:
    sealed = keyring.seal("resident", "crop 1", b"a face")

    with pytest.raises(KeyringError, match="crop 1: the sealed data is damaged"):
        keyring.open("resident", "crop 1", spoil(sealed))


def test_what_was_sealed_as_one_thing_does_not_open_as_another(keyring: Keyring) -> None:
    keyring.create("other")
    sealed = keyring.seal("resident", "crop 1", b"a face")

    with pytest.raises(KeyringError):
        keyring.open("resident", "crop 2", sealed)
    with pytest.raises(KeyringError):
        keyring.open("other", "crop 1", sealed)


def test_many_are_opened_at_once_and_each_failure_costs_only_its_own(keyring: Keyring) -> None:
    keyring.create("courier", "gone")
    labels = [("resident", "crop 1"), ("courier", "crop 2"), ("gone", "crop 3"), ("resident", "crop 4")]
    sealed = keyring.seal_many([(person, label, label.encode()) for person, label in labels])
    keyring.destroy(["gone"])

    opened = keyring.open_many(
        [(*labels[0], sealed[0]), (*labels[1], sealed[1]), (*labels[2], sealed[2]), (*labels[3], sealed[3][:-1])]
    )

    assert opened[:2] == [b"crop 1", b"crop 2"]
    assert [str(error) for error in opened[2:]] == [
        "person gone has no key: erased",
        "crop 4: the sealed data is damaged",
    ]
    assert keyring.open("resident", "crop 1", sealed[0]) == b"crop 1"
    with pytest.raises(KeyringError, match="erased"):
        keyring.seal_many([("gone", "crop 3", b"")])


def test_more_persons_than_one_statement_takes_are_asked_for_in_parts(keyring: Keyring) -> None:
    people = [f"person-{number}" for number in range(35_000)]
    keyring.create(*people[:10])

    assert keyring.without_key(people) == set(people[10:])
    keyring.destroy(people)
    assert keyring.without_key(people) == set(people)


def test_the_key_of_a_file_ends_with_the_first_person_who_is_erased(keyring: Keyring, database: sa.Engine) -> None:
    key_id, key = keyring.create_file_key()
    assert Keyring(database, MASTER).file_key(key_id) == key
    keyring.destroy([])
    assert keyring.file_key(key_id) == key

    keyring.destroy(["resident"])

    with pytest.raises(KeyringError, match="its key is gone"):
        keyring.file_key(key_id)


def test_the_key_of_one_file_is_destroyed_without_the_others(keyring: Keyring) -> None:
    (older, _), (newer, key) = keyring.create_file_key(), keyring.create_file_key()

    keyring.destroy_file_key(older)

    assert keyring.file_key(newer) == key
    with pytest.raises(KeyringError, match="its key is gone"):
        keyring.file_key(older)


def test_a_master_key_is_made_once_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "data" / "master.key"

    make_master_key(path)
    made = master_key(path)
    make_master_key(path)

    assert len(made) == 32
    assert path.stat().st_mode & 0o777 == 0o600
    assert master_key(path) == made


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
def test_a_master_key_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "master.key"
    make_master_key(path)
    path.chmod(mode)

    with pytest.raises(KeyringError, match="chmod 600"):
        master_key(path)


def test_a_master_key_of_another_length_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "master.key"
    path.write_bytes(b"short")
    path.chmod(0o600)

    with pytest.raises(KeyringError, match="has 32 bytes, this file has 5"):
        master_key(path)


def test_a_master_key_that_cannot_be_made_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(KeyringError, match="cannot be made"):
        make_master_key(tmp_path / "file" / "master.key")


def test_a_master_key_that_is_a_folder_is_one_clear_error(tmp_path: Path) -> None:
    os.mkdir(tmp_path / "master.key", 0o700)  # noqa: PTH102

    with pytest.raises(KeyringError, match="cannot be read"):
        master_key(tmp_path / "master.key")
