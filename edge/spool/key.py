"""The key that encrypts waiting frames, so that a stolen memory card shows nobody's visitors."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from edge.errors import Damaged, KeyUnusable

_KEY_BYTES = 32
_NONCE_BYTES = 12


class SpoolKey:
    """AES-256-GCM under one key. Raises ValueError for a secret that has not 32 bytes.

    Nonces are random: NIST SP 800-38D allows 2^32 of them under one key, 136 years of a frame a second.
    """

    def __init__(self, secret: bytes) -> None:
        # Without a key nothing of this is loaded: 6 MB that a small box can use better.
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        if len(secret) != _KEY_BYTES:
            raise ValueError(f"a key of {len(secret)} bytes")
        self.fingerprint = hashlib.sha256(b"doorbell-edge spool key\n" + secret).hexdigest()[:16]
        self._cipher = AESGCM(secret)

    def seal(self, image: bytes, header: bytes) -> bytes:
        """Return nonce, ciphertext and tag; `header` stays readable and cannot be changed unseen."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, image, header)

    def open(self, body: bytes, header: bytes) -> bytes:
        """Return what was sealed. Raises Damaged."""
        from cryptography.exceptions import InvalidTag

        try:
            return self._cipher.decrypt(body[:_NONCE_BYTES], body[_NONCE_BYTES:], header)
        except (InvalidTag, ValueError) as error:
            raise Damaged("the cipher's tag is wrong") from error


def read_spool_key(file: Path) -> SpoolKey:
    """Return the key in a file that `make_spool_key` wrote. Raises KeyUnusable, which never quotes it."""
    try:
        text = file.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise KeyUnusable(f"cannot read the spool key {file}", "make one with doorbell-edge spool key") from error
    try:
        return SpoolKey(bytes.fromhex(text.strip()))
    except ValueError as error:
        raise KeyUnusable(f"{file} holds no spool key", "make one with doorbell-edge spool key FILE") from error


def make_spool_key(file: Path) -> str:
    """Write a new key that only its owner may read; return its fingerprint. Raises KeyUnusable."""
    secret = os.urandom(_KEY_BYTES)
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as out:
            out.write(secret.hex() + "\n")
            out.flush()
            os.fsync(out.fileno())
    except FileExistsError as error:
        way_out = "name another file; frames under the old key need it"
        raise KeyUnusable(f"{file} exists, and is not overwritten", way_out) from error
    except OSError as error:
        raise KeyUnusable(f"cannot write {file}: {error.strerror}", "name a file in a folder you may write") from error
    return SpoolKey(secret).fingerprint
