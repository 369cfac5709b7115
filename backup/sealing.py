"""How an object of a repository is sealed: compressed, encrypted, and bound to its repository, its kind and its name.

    1 byte version, 4 bytes key generation, 12 bytes nonce, AES-256-GCM(zstd(plain)), 16 bytes of which are its tag

Kind, repository and name are authenticated with it, so one that was renamed, swapped with another or brought from
another repository does not open. A chunk's id is a keyed hash of its content: whoever reads the bucket cannot tell
whether a known picture is in it.
"""

from __future__ import annotations

import hmac
import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import zstandard
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from backup.errors import Damaged

Kind = Literal["chunk", "snapshot", "verified", "condemned", "keyring"]

MOST_PLAIN = 4 * 2**20
"""Bytes of a chunk before compression."""
LEVEL = 1
"""Of zstd. Made-up events: 369 MB/s at a ratio of 3.05, where its default, 3, has 166 MB/s and 2.90; notices and load
history alike within 6 %."""
_VERSION = 1
_HEADER = struct.Struct(">BI12s")
MOST_OPENED = 2**30
"""Bytes that anything sealed may have, as a bound for a frame that says otherwise."""


@dataclass(frozen=True, slots=True)
class Secrets:
    """What the keys of a repository protect. `id_key` never changes, or nothing would be found to be there already.

    `data_keys` by generation: a rotation adds one, and what is there stays readable by the older ones.
    """

    repository: str
    id_key: bytes = field(repr=False)
    data_keys: Mapping[int, bytes] = field(repr=False)

    @property
    def newest(self) -> int:
        return max(self.data_keys)


class Sealer:
    """Seals with the key of `generation`, opens with any. Safe to share between threads."""

    def __init__(self, secrets: Secrets, generation: int) -> None:
        self._secrets = secrets
        self._generation = generation
        self._ciphers = {number: AESGCM(key) for number, key in secrets.data_keys.items()}

    def content_hash(self, plain: bytes) -> str:
        """64 hexadecimal digits."""
        return hmac.digest(self._secrets.id_key, plain, "sha256").hex()

    def seal(self, kind: Kind, name: str, plain: bytes) -> bytes:
        nonce = os.urandom(12)
        packed = zstandard.ZstdCompressor(LEVEL).compress(plain)
        sealed = self._ciphers[self._generation].encrypt(nonce, packed, self._bound(kind, name))
        return _HEADER.pack(_VERSION, self._generation, nonce) + sealed

    def open(self, kind: Kind, name: str, sealed: bytes) -> bytes:
        """Raises Damaged."""
        try:
            version, generation, nonce = _HEADER.unpack_from(sealed)
        except struct.error:
            raise Damaged(f"{kind} {name}: cut short, {len(sealed)} bytes are left") from None
        if version != _VERSION or generation not in self._ciphers:
            raise Damaged(
                f"{kind} {name}: version {version} with key generation {generation} is not known here: damaged, or"
                " written by a newer doorbell"
            )
        try:
            packed = self._ciphers[generation].decrypt(nonce, sealed[_HEADER.size :], self._bound(kind, name))
            return zstandard.ZstdDecompressor().decompress(packed, max_output_size=MOST_OPENED)
        except (InvalidTag, zstandard.ZstdError):
            raise Damaged(f"{kind} {name}: changed, cut, renamed, or of another repository") from None

    def _bound(self, kind: Kind, name: str) -> bytes:
        return f"{kind} {self._secrets.repository} {name}".encode()
