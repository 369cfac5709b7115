"""An index on disk, so that a large gallery is ready soon after a restart: sealed, and checked before it is used.

The file is a header in clear text and then chunks, each sealed with AES-256-GCM under a key of the file's own. A
chunk's nonce is its number and its associated data the header, which says how many bytes follow: so a flipped bit, a
chunk in another's place, a missing end and a longer one are all found. The key lies in the keyring and ends with the
first person who is erased after it was made, because the file holds everybody's embeddings.
"""

from __future__ import annotations

import json
import os
import struct
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from cluster.security.keyring import KeyringError
from serve_apps.recognition.weights import sync_folder

MAGIC = b"doorbell-index-1\n"
CHUNK = 2**20
TAG = 16
LONGEST_HEADER = 10_000
_LENGTH = struct.Struct(">I")


class SavedIndexError(Exception):
    """A saved index that cannot be used: damaged, of another gallery, or its key is gone."""


@dataclass(frozen=True, slots=True)
class Header:
    """What a saved index says of itself; `history` tells one gallery's past from another's at the same `version`."""

    space: str
    key_id: str
    version: int
    history: str
    embeddings: int
    id_bytes: int
    made_for: int
    sections: dict[str, int]


def save(path: Path, header: Header, key: bytes, sections: Sequence[memoryview]) -> int:
    """Write, sync and rename, so that there is a whole file or none; the bytes written. The key is used this once."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            _write(file, _encoded(header), AESGCM(key), sections)
            file.flush()
            os.fsync(file.fileno())
            size = file.tell()
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    sync_folder(path.parent)
    return size


def _encoded(header: Header) -> bytes:
    text = json.dumps(asdict(header)).encode()
    return MAGIC + _LENGTH.pack(len(text)) + text


def _write(file: BinaryIO, encoded: bytes, cipher: AESGCM, sections: Sequence[memoryview]) -> None:
    file.write(encoded)
    number = 0
    for section in sections:
        for start in range(0, len(section), CHUNK):
            file.write(cipher.encrypt(_nonce(number), section[start : start + CHUNK], encoded))
            number += 1


def _nonce(number: int) -> bytes:
    return number.to_bytes(12, "big")


class SavedIndex:
    """A file that is being read, section after section. Nothing of it may be used before `finish`.

    Every method raises SavedIndexError.
    """

    def __init__(self, path: Path, key_of: Callable[[str], bytes]) -> None:
        """Reads the header, and sees that the file is as long as the header promises before any room is made."""
        self._path = path
        try:
            self._file = path.open("rb")
        except OSError as error:
            raise SavedIndexError(f"{path}: {error.strerror}") from error
        try:
            self._encoded, self.header = self._read_header()
            self._cipher = AESGCM(self._key(key_of))
        except BaseException:
            self._file.close()
            raise
        self._number = 0

    def __enter__(self) -> SavedIndex:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def read(self, name: str) -> bytearray:
        """The next section, which must be of this name."""
        size = self.header.sections.get(name)
        if size is None:  # the names are in clear text, and nothing has vouched for them yet
            raise self._damaged()
        content = bytearray(size)
        self.read_into(memoryview(content))
        return content

    def read_into(self, room: memoryview) -> None:
        """The next section into `room`, which has its length."""
        for start in range(0, len(room), CHUNK):
            part = room[start : start + CHUNK]
            try:
                part[:] = self._cipher.decrypt(_nonce(self._number), self._file.read(len(part) + TAG), self._encoded)
            except (InvalidTag, ValueError) as error:
                raise self._damaged() from error
            self._number += 1

    def finish(self) -> None:
        """Nothing may be left."""
        if self._file.read(1):
            raise self._damaged()

    def check(self) -> None:
        """Read everything once, a chunk at a time."""
        room = memoryview(bytearray(CHUNK))
        for size in self.header.sections.values():
            for start in range(0, size, CHUNK):
                self.read_into(room[: min(CHUNK, size - start)])
        self.finish()

    def _key(self, key_of: Callable[[str], bytes]) -> bytes:
        try:
            return key_of(self.header.key_id)
        except KeyringError as error:
            raise SavedIndexError(f"{self._path}: {error}") from error

    def _read_header(self) -> tuple[bytes, Header]:
        magic = self._file.read(len(MAGIC))
        if magic != MAGIC:
            raise SavedIndexError(f"{self._path}: this is no saved index, or its beginning is damaged; remove it")
        packed = self._file.read(_LENGTH.size)
        length = _LENGTH.unpack(packed)[0] if len(packed) == _LENGTH.size else 0
        if not 0 < length <= LONGEST_HEADER:
            raise self._damaged()
        text = self._file.read(length)
        try:
            header = Header(**json.loads(text))
            expected = self._file.tell() + sum(_sealed_size(size) for size in header.sections.values())
        except (ValueError, TypeError, AttributeError) as error:
            raise self._damaged() from error
        if os.fstat(self._file.fileno()).st_size != expected:
            raise self._damaged()
        return magic + packed + text, header

    def _damaged(self) -> SavedIndexError:
        return SavedIndexError(
            f"{self._path}: the saved index is damaged: cut short or changed; remove it, a new one is made by itself"
        )


def _sealed_size(plain: int) -> int:
    return plain + TAG * -(-plain // CHUNK)
