"""A passphrase in a file as the key of a repository."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from backup.errors import WrongKey

LEAST_CHARACTERS, LEAST_DIFFERENT = 12, 5
COST, BLOCK, PARALLEL = 2**15, 8, 3
"""scrypt's N, r and p: 32 MB and 0.2 s a guess (OWASP Password Storage Cheat Sheet, 2024)."""
MOST_MEMORY = 2**28
_LABEL = b"doorbell backup slot"


@dataclass(frozen=True, slots=True)
class Passphrase:
    """The text of `file`, without the end of its line. Others must not be able to read it."""

    file: Path

    @property
    def kind(self) -> str:
        return "passphrase"

    def wrap(self, secret: bytes) -> dict[str, str]:
        text = self._text()
        if len(set(text)) < LEAST_DIFFERENT:  # not asked of one that has to open what it once closed
            raise WrongKey(f"{self.file}: a passphrase has at least {LEAST_DIFFERENT} different characters")
        salt, nonce = os.urandom(16), os.urandom(12)
        given = {"salt": salt.hex(), "n": str(COST), "r": str(BLOCK), "p": str(PARALLEL)}
        sealed = AESGCM(_stretched(text, given)).encrypt(nonce, secret, _LABEL)
        return {**given, "sealed": (nonce + sealed).hex()}

    def unwrap(self, wrapped: Mapping[str, str]) -> bytes:
        try:
            sealed = bytes.fromhex(wrapped["sealed"])
            return AESGCM(_stretched(self._text(), wrapped)).decrypt(sealed[:12], sealed[12:], _LABEL)
        except (InvalidTag, ValueError, KeyError) as error:
            raise WrongKey(f"{self.file}: not the passphrase of this repository") from error

    def _text(self) -> bytes:
        try:
            text, mode = self.file.read_bytes().rstrip(b"\r\n"), self.file.stat().st_mode
        except OSError as error:
            raise WrongKey(f"{self.file}: the passphrase cannot be read: {error.strerror}") from error
        if mode & 0o077:
            raise WrongKey(f"{self.file}: others may read the passphrase; run 'chmod 600 {self.file}'")
        if len(text) < LEAST_CHARACTERS:
            raise WrongKey(
                f"{self.file}: a passphrase has at least {LEAST_CHARACTERS} characters, this has {len(text)}"
            )
        return text


def _stretched(text: bytes, given: Mapping[str, str]) -> bytes:
    """Raises ValueError for parameters that would take more than 256 MB, which only a forger writes."""
    n, r, p = (int(given[name]) for name in ("n", "r", "p"))
    if not 0 < 128 * n * r * p <= MOST_MEMORY:
        raise ValueError(f"scrypt with n={n}, r={r}, p={p}")
    return hashlib.scrypt(text, salt=bytes.fromhex(given["salt"]), n=n, r=r, p=p, maxmem=2 * MOST_MEMORY, dklen=32)
