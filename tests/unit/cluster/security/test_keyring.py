from __future__ import annotations

import os
from pathlib import Path

import pytest
import sqlalchemy as sa

from cluster.security.keyring import Keyring, KeyringError, make_master_key, master_key

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
