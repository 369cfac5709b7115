"""Whoever is erased is in no copy any more: not in what is stored, in what can be decrypted, or in what is restored."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from backup.changes import view
from backup.errors import CannotRestore
from backup.keyring import FILES, PERSONS, Keys, copy_keys, in_turn, keys_apart, keys_of
from backup.restore.partial import restore_person
from backup.restore.undo import undo
from backup.restore.whole import restore
from tests.conftest import eventually
from tests.integration.backed_up import House, Vault, a_face, house

FACE = np.full(128, 1.0, np.float32).tobytes()
"""Bob's embedding, as `live_in` has it."""
CROP = a_face(1.0, "1").crop


def erase(home: House, kept: Vault) -> None:
    """As `doorbell people erase` does."""
    home.gallery.remove_people([home.gallery.person("Bob")])
    home.recent.clear()
    with in_turn(home.state, kept.apart), view(home.database) as seen:
        copy_keys(keys_of(home.keyring_database, home.state.secrets), seen.connection, kept.repository, kept.apart)


def everything_that_opens(kept: Vault, keys: Keys) -> Iterator[bytes]:
    """Every object as it lies there, opened with the repository's keys, and what any person's key opens in it."""
    for target in (kept.repository.target, kept.apart):
        for stored in target.list():
            yield target.get(stored.name)
    for chunk_id, _ in kept.repository.chunks():
        plain = kept.repository.get(chunk_id)
        yield plain
        yield from opened(plain, keys)


def opened(plain: bytes, keys: Keys) -> Iterator[bytes]:
    """Whatever in these bytes opens with any key of the keyring, wherever it begins, if it is one of Bob's."""
    master = AESGCM(keys.secrets["master.key"])
    if len(plain) > MOST:
        return
    for person, wrapped in keys.tables[PERSONS].rows:
        key = AESGCM(master.decrypt(wrapped[:12], wrapped[12:], person.encode()))
        for label, length in LABELS.get(person, []):
            for start in range(len(plain) - length + 1):
                part = plain[start : start + length]
                with suppress(InvalidTag):
                    yield key.decrypt(part[:12], part[12:], label)


MOST = 200_000
"""Bytes of a chunk that are searched in at every place; only the release's weights have more."""
SEALING = 12 + 16
LABELS: dict[str, list[tuple[bytes, int]]] = {}


def remember_labels(home: House) -> None:
    LABELS.clear()
    for face in home.gallery.faces():
        embedding, crop = f"embedding {face.id} space-1".encode(), f"crop {face.id}".encode()
        LABELS[face.person_id] = [(embedding, len(FACE) + SEALING), (crop, len(CROP) + SEALING)]


def every_byte(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def test_the_search_finds_bob_while_he_is_there(home: House, kept: Vault, tmp_path: Path) -> None:
    home.live_in(tmp_path)
    remember_labels(home)
    kept.snapshot(home)

    found = list(everything_that_opens(kept, keys_apart(kept.repository, kept.apart)))

    assert FACE in found
    assert CROP in found


def test_after_an_erasure_no_old_snapshot_gives_him_back(home: House, kept: Vault, tmp_path: Path) -> None:
    _, bob, _ = home.live_in(tmp_path)
    remember_labels(home)
    taken = kept.snapshot(home)

    erase(home, kept)

    found = b"".join(everything_that_opens(kept, keys_apart(kept.repository, kept.apart)))
    assert FACE not in found
    assert CROP not in found
    with house(tmp_path / "new") as new:
        restored = restore(new.state, kept.repository, kept.apart, snapshot=taken.manifest.id)
        assert {person.name for person in new.gallery.people()} == {"Ada", "Cy"}
        assert new.recent.newest(9) == []
        left_out = {"people": 1, "gallery_faces": 1, "embeddings": 1, "crops": 1}
        assert restored.left_out == left_out | {"recent_frames": 1, "recent-frames": 1, "releases": 0}
        assert not (new.folder / "crops" / bob.id).exists()
        new.close()
    assert tables_with(tmp_path / "new" / "doorbell.db", bob.id) <= {
        "events",
        "event_people",
        "gallery_changes",
        "audit",
    }
    assert FACE not in every_byte(tmp_path / "new")


def test_a_snapshot_that_looked_before_an_erasure_does_not_copy_the_key_after_it(
    home: House, kept: Vault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, bob, _ = home.live_in(tmp_path)
    erasure = threading.Thread(target=erase, args=(home, kept))

    put = kept.apart.put

    def slowly(name: str, data: bytes) -> None:
        if not erasure.ident:
            erasure.start()
            assert eventually(lambda: home.keyring.without_key([bob.id]))
            erasure.join(0.5)  # which is enough for its copy
        put(name, data)

    monkeypatch.setattr(kept.apart, "put", slowly)
    kept.snapshot(home)
    erasure.join(60)

    assert bob.id not in keys_apart(kept.repository, kept.apart).persons


def tables_with(file: Path, text: str) -> set[str]:
    """Tables that hold this text, and whether the file holds it outside of them."""
    with sqlite3.connect(file) as connection:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name for name in names if text in repr(connection.execute(f"SELECT * FROM {name}").fetchall())}


def test_who_was_erased_here_stays_erased_though_the_copy_apart_is_older(
    home: House, kept: Vault, tmp_path: Path
) -> None:
    home.live_in(tmp_path)
    kept.snapshot(home)
    home.gallery.remove_people([home.gallery.person("Bob")])
    home.close()

    restore(home.state, kept.repository, kept.apart)

    assert {person.name for person in home.gallery.people()} == {"Ada", "Cy"}


def test_who_was_erased_after_a_restore_does_not_come_back_by_undoing_it(
    home: House, kept: Vault, tmp_path: Path
) -> None:
    home.live_in(tmp_path)
    kept.snapshot(home)
    home.close()
    restore(home.state, kept.repository, kept.apart)
    home.gallery.remove_people([home.gallery.person("Bob")])
    home.close()

    undo(home.state)

    assert {person.name for person in home.gallery.people()} == {"Ada", "Cy"}
    assert len(keys_of(home.keyring_database, {}).persons) == 2


def test_a_lost_keyring_does_not_take_its_copy_along(home: House, kept: Vault, tmp_path: Path) -> None:
    home.live_in(tmp_path)
    kept.snapshot(home)
    before = keys_apart(kept.repository, kept.apart)
    with home.keyring_database.begin() as connection:
        for table in (PERSONS, FILES):
            connection.exec_driver_sql(f"DELETE FROM {table}")

    kept.snapshot(home)

    assert keys_apart(kept.repository, kept.apart).persons == before.persons


def test_one_person_who_was_erased_is_not_put_back(home: House, kept: Vault, tmp_path: Path) -> None:
    home.live_in(tmp_path)
    kept.snapshot(home)
    erase(home, kept)

    with pytest.raises(CannotRestore, match="erased"):
        restore_person(home.state, kept.repository, kept.apart, "Bob")
