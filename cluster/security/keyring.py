"""A key for each person, kept apart from what it protects.

Embeddings and crops are sealed with AES-256-GCM under the person's own key, and that key under the master key.
Destroying one row here makes every copy of that person's biometrics unreadable, in old backups too. The keyring
has a database of its own, so that a backup of the data is never also a backup of the keys.

A file that holds many persons' data, as a saved index does, has a key of its own here, which is destroyed together
with the key of any person.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from threading import Lock

import sqlalchemy as sa
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Column, Connection, Engine, MetaData, Table

_metadata = MetaData()
_keys = Table(
    "person_keys",
    _metadata,
    Column("person_id", sa.String(36), primary_key=True),
    Column("wrapped", sa.LargeBinary, nullable=False),
)
_file_keys = Table(
    "file_keys",
    _metadata,
    Column("key_id", sa.String(32), primary_key=True),
    Column("wrapped", sa.LargeBinary, nullable=False),
)
NONCE_BYTES = 12
BATCH = 10_000
"""Persons asked for by one statement: SQLite takes 32,766 values at the most."""


class KeyringError(Exception):
    """A key is missing or does not fit."""


def make_master_key(path: Path) -> None:
    """32 random bytes in a file that only its owner may read, unless it is there already. Raises KeyringError."""
    if path.exists():
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=path.name) as file:
            file.write(os.urandom(32))
            file.flush()
            os.fsync(file.fileno())
            # A link is made whole or not at all, and never over a key that another process has made meanwhile.
            with contextlib.suppress(FileExistsError):
                os.link(file.name, path)
    except OSError as error:
        raise KeyringError(f"{path}: the master key cannot be made: {error.strerror}") from error


def master_key(path: Path) -> bytes:
    """The key that `make_master_key` made. A node without it must not make another one. Raises KeyringError."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise KeyringError(f"{path}: the master key cannot be read: {error.strerror}") from error
    if len(content) != 32:
        raise KeyringError(
            f"{path}: a master key has 32 bytes, this file has {len(content)}; restore it from your copy"
        )
    if path.stat().st_mode & 0o077:
        raise KeyringError(f"{path}: others may read the master key; run 'chmod 600 {path}'")
    return content


def make_tables(engine: Engine) -> None:
    """Where they are missing."""
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":  # several processes may start at once
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(6815)")
        _metadata.create_all(connection)


class Keyring:
    """Seals and opens a person's data."""

    def __init__(self, engine: Engine, master: bytes) -> None:
        self.database = engine
        self._master = AESGCM(master)
        self._opened: dict[str, AESGCM] = {}
        self._lock = Lock()
        make_tables(engine)

    def create(self, *person_ids: str) -> None:
        """A new key for each new person."""
        rows = [
            {"person_id": person, "wrapped": self._wrapped(AESGCM.generate_key(256), person)} for person in person_ids
        ]
        with self.database.begin() as connection:
            connection.execute(_keys.insert(), rows)

    def destroy(self, person_ids: list[str]) -> None:
        """Erase: whatever was sealed for these persons is unreadable from now on, files of many persons too."""
        with self.database.begin() as connection:
            _in_turn(connection)
            if connection.dialect.name == "sqlite":
                connection.exec_driver_sql("PRAGMA secure_delete = ON")
            for batch in _batches(person_ids):
                connection.execute(_keys.delete().where(_keys.c.person_id.in_(batch)))
            if person_ids:
                connection.execute(_file_keys.delete())
        self._empty_the_log()
        with self._lock:
            for person_id in person_ids:
                self._opened.pop(person_id, None)

    def seal(self, person_id: str, label: str, plain: bytes) -> bytes:
        """Encrypt; `label` says what it is and must be given again to open it. Raises KeyringError."""
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._key(person_id).encrypt(nonce, plain, label.encode())

    def open(self, person_id: str, label: str, sealed: bytes) -> bytes:
        """Decrypt what `seal` gave. Raises KeyringError when the key is gone or the data is not the sealed one."""
        opened = _decrypted(self._key(person_id), label, sealed)
        if isinstance(opened, KeyringError):
            raise opened
        return opened

    def open_many(self, sealed: Sequence[tuple[str, str, bytes]]) -> list[bytes | KeyringError]:
        """`open` for many (person, label, sealed) at once; the error in the place of what cannot be opened."""
        ciphers = self._ciphers({person_id for person_id, _, _ in sealed})
        return [_decrypted(ciphers[person_id], label, data) for person_id, label, data in sealed]

    def seal_many(self, plain: Sequence[tuple[str, str, bytes]]) -> list[bytes]:
        """`seal` for many (person, label, plain) at once. Raises KeyringError."""
        ciphers = self._ciphers({person_id for person_id, _, _ in plain})
        sealed = []
        for person_id, label, data in plain:
            nonce = os.urandom(NONCE_BYTES)
            sealed.append(nonce + _found(ciphers[person_id]).encrypt(nonce, data, label.encode()))
        return sealed

    def without_key(self, person_ids: Sequence[str]) -> set[str]:
        """Those of these persons who are erased."""
        with self.database.connect().execution_options(reading=True) as connection:
            return {
                person_id
                for batch in _batches(person_ids)
                for person_id in set(batch)
                - set(connection.scalars(sa.select(_keys.c.person_id).where(_keys.c.person_id.in_(batch))))
            }

    def unopened(self, person_ids: set[str]) -> set[str]:
        """Those of these persons whose key is gone, or does not open with the master key."""
        return {each for each, cipher in self._ciphers(person_ids).items() if isinstance(cipher, KeyringError)}

    def create_file_key(self) -> tuple[str, bytes]:
        """The id of a new key for a file of many persons' data, and the key."""
        key_id, key = os.urandom(16).hex(), AESGCM.generate_key(256)
        with self.database.begin() as connection:
            _in_turn(connection)
            connection.execute(_file_keys.insert().values(key_id=key_id, wrapped=self._wrapped(key, f"file {key_id}")))
        return key_id, key

    def file_key(self, key_id: str) -> bytes:
        """Raises KeyringError when the key is gone."""
        with self.database.connect().execution_options(reading=True) as connection:
            wrapped = connection.scalar(sa.select(_file_keys.c.wrapped).where(_file_keys.c.key_id == key_id))
        if wrapped is None:
            raise KeyringError("its key is gone: somebody was erased after it was saved, or it is of another gallery")
        return self._unwrapped(wrapped, f"file {key_id}")

    def destroy_file_key(self, *key_ids: str) -> None:
        """The files of these keys are unreadable from now on."""
        with self.database.begin() as connection:
            connection.execute(_file_keys.delete().where(_file_keys.c.key_id.in_(key_ids)))

    def _empty_the_log(self) -> None:
        """SQLite's log holds pages as they were, with the keys in them, until its next checkpoint."""
        if self.database.dialect.name == "sqlite":
            connection = self.database.raw_connection()
            try:
                connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            finally:
                connection.close()

    def _key(self, person_id: str) -> AESGCM:
        with self._lock:
            if person_id not in self._opened:
                self._opened[person_id] = _found(self._ciphers({person_id})[person_id])
            return self._opened[person_id]

    def _ciphers(self, person_ids: set[str]) -> dict[str, AESGCM | KeyringError]:
        """Each person's key, or why there is none."""
        wrapped: dict[str, bytes] = {}
        with self.database.connect().execution_options(reading=True) as connection:
            for batch in _batches(sorted(person_ids)):
                query = sa.select(_keys.c.person_id, _keys.c.wrapped).where(_keys.c.person_id.in_(batch))
                wrapped.update(connection.execute(query).tuples().all())
        return {person_id: self._cipher(person_id, wrapped.get(person_id)) for person_id in person_ids}

    def _cipher(self, person_id: str, wrapped: bytes | None) -> AESGCM | KeyringError:
        if wrapped is None:
            return KeyringError(f"person {person_id} has no key: erased")
        try:
            return AESGCM(self._unwrapped(wrapped, person_id))
        except KeyringError as error:
            return error

    def _wrapped(self, key: bytes, label: str) -> bytes:
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._master.encrypt(nonce, key, label.encode())

    def _unwrapped(self, wrapped: bytes, label: str) -> bytes:
        try:
            return self._master.decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], label.encode())
        except InvalidTag as error:
            raise KeyringError("the master key is not the one that made this keyring") from error


def _in_turn(connection: Connection) -> None:
    """Until this transaction ends, no other erases anybody or makes a file's key.

    A key made while an erasure is about to commit would outlive it, and its file would still hold the person. SQLite
    has one writer anyway.
    """
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(6816)")


def _batches(person_ids: Sequence[str]) -> Iterator[Sequence[str]]:
    return (person_ids[start : start + BATCH] for start in range(0, len(person_ids), BATCH))


def _found(cipher: AESGCM | KeyringError) -> AESGCM:
    if isinstance(cipher, KeyringError):
        raise cipher
    return cipher


def _decrypted(cipher: AESGCM | KeyringError, label: str, sealed: bytes) -> bytes | KeyringError:
    if isinstance(cipher, KeyringError):
        return cipher
    try:
        return cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], label.encode())
    except (InvalidTag, ValueError):  # ValueError: shorter than a nonce
        return KeyringError(f"{label}: the sealed data is damaged")
