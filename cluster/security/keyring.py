"""A key for each person, kept apart from what it protects.

Embeddings and crops are sealed with AES-256-GCM under the person's own key, and that key under the master key.
Destroying one row here makes every copy of that person's biometrics unreadable, in old backups too. The keyring
has a database of its own, so that a backup of the data is never also a backup of the keys.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path
from threading import Lock

import sqlalchemy as sa
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Column, Engine, MetaData, Table

_metadata = MetaData()
_keys = Table(
    "person_keys",
    _metadata,
    Column("person_id", sa.String(36), primary_key=True),
    Column("wrapped", sa.LargeBinary, nullable=False),
)
NONCE_BYTES = 12


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


class Keyring:
    """Seals and opens a person's data."""

    def __init__(self, engine: Engine, master: bytes) -> None:
        self._engine = engine
        self._master = AESGCM(master)
        self._opened: dict[str, AESGCM] = {}
        self._lock = Lock()
        with engine.begin() as connection:
            if connection.dialect.name == "postgresql":  # several processes may start at once
                connection.exec_driver_sql("SELECT pg_advisory_xact_lock(6815)")
            _metadata.create_all(connection)

    def create(self, person_id: str) -> None:
        """A new key for a new person."""
        nonce = os.urandom(NONCE_BYTES)
        wrapped = nonce + self._master.encrypt(nonce, AESGCM.generate_key(256), person_id.encode())
        with self._engine.begin() as connection:
            connection.execute(_keys.insert().values(person_id=person_id, wrapped=wrapped))

    def destroy(self, person_ids: list[str]) -> None:
        """Erase: whatever was sealed for these persons is unreadable from now on."""
        with self._engine.begin() as connection:
            connection.execute(_keys.delete().where(_keys.c.person_id.in_(person_ids)))
        with self._lock:
            for person_id in person_ids:
                self._opened.pop(person_id, None)

    def seal(self, person_id: str, label: str, plain: bytes) -> bytes:
        """Encrypt; `label` says what it is and must be given again to open it. Raises KeyringError."""
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._key(person_id).encrypt(nonce, plain, label.encode())

    def open(self, person_id: str, label: str, sealed: bytes) -> bytes:
        """Decrypt what `seal` gave. Raises KeyringError when the key is gone or the data is not the sealed one."""
        try:
            return self._key(person_id).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], label.encode())
        except (InvalidTag, ValueError) as error:  # ValueError: shorter than a nonce
            raise KeyringError(f"{label}: the sealed data is damaged") from error

    def _key(self, person_id: str) -> AESGCM:
        with self._lock:
            if person_id not in self._opened:
                self._opened[person_id] = AESGCM(self._unwrapped(person_id))
            return self._opened[person_id]

    def _unwrapped(self, person_id: str) -> bytes:
        with self._engine.connect().execution_options(reading=True) as connection:
            wrapped = connection.scalar(sa.select(_keys.c.wrapped).where(_keys.c.person_id == person_id))
        if wrapped is None:
            raise KeyringError(f"person {person_id} has no key: erased")
        try:
            return self._master.decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], person_id.encode())
        except InvalidTag as error:
            raise KeyringError("the master key is not the one that made this keyring") from error
