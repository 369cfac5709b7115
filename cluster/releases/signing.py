"""Who made a release: Ed25519 over the manifest's bytes.

A signature is one line: the public key, then the signature, both base64. So an unknown key is told from a changed
manifest. Whom to trust is said by a file of its own: one public key a line, base64, then the key's name.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import os
import socket
import tempfile
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from cluster.releases.manifest import ReleaseError

KEY_BYTES = 32
SIGNATURE_BYTES = 64
MOST_SIGNATURE_FILE_BYTES = 200
MOST_KEYS_FILE_BYTES = 1_000_000


def make_signing_key(path: Path, public_path: Path) -> None:
    """A private key that only its owner may read, and its public line in the trusted keys; unless it is there already.

    The public line is written first: a key is never without it. A line that was taken out later stays out, but a
    file that is gone is made again. Raises ReleaseError.
    """
    if path.exists():
        if not public_path.exists():
            _append(public_path, public_line(_private(path)))
        return
    key = Ed25519PrivateKey.generate()
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=path.name) as file:
            file.write(key.private_bytes_raw())
            file.flush()
            os.fsync(file.fileno())
            _append(public_path, public_line(key))
            # A link is made whole or not at all, and never over a key that another process has made meanwhile.
            with contextlib.suppress(FileExistsError):
                os.link(file.name, path)
    except OSError as error:
        raise ReleaseError(f"{path}: the signing key cannot be made: {error.strerror}") from error


def public_line(key: Ed25519PrivateKey) -> str:
    """How a machine's key is written in a file of trusted keys."""
    public = key.public_key().public_bytes_raw()
    return f"{_text(public)} {socket.gethostname()}-{hashlib.sha256(public).hexdigest()[:8]}"


def sign(path: Path, data: bytes) -> bytes:
    """The signature line of `data` by the private key at `path`. Raises ReleaseError."""
    key = _private(path)
    return f"{_text(key.public_key().public_bytes_raw())} {_text(key.sign(data))}\n".encode()


@dataclass(frozen=True, slots=True)
class TrustedKeys:
    """`names` by raw public key, as read from `file`."""

    file: Path
    names: dict[bytes, str]

    @classmethod
    def read(cls, file: Path) -> TrustedKeys:
        """Empty lines and those that begin with # are left out. Raises ReleaseError."""
        try:
            with file.open("rb") as opened:
                text = opened.read(MOST_KEYS_FILE_BYTES).decode()
        except FileNotFoundError as error:
            raise ReleaseError(
                f"{file}: there are no trusted keys; copy the line of who packs your releases from its file of this "
                "name, or pack one here: 'doorbell release pack'"
            ) from error
        except (OSError, UnicodeDecodeError) as error:
            raise ReleaseError(f"{file}: the trusted keys cannot be read: {error}") from error
        lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), 1)]
        return cls(file, dict(_trusted(file, *line) for line in lines if line[1] and not line[1].startswith("#")))

    def verify(self, data: bytes, signature: bytes) -> str:
        """The name of the key that signed `data`. Raises ReleaseError."""
        parts = [_raw(part) for part in signature.split()]
        if [len(part) for part in parts] != [KEY_BYTES, SIGNATURE_BYTES]:
            raise ReleaseError("its signature is damaged; fetch or pack it again")
        public, signed = parts
        if public not in self.names:
            raise ReleaseError(
                f"it is signed by a key that is not trusted; if you trust its maker, add the line "
                f"'{_text(public)} NAME' to {self.file}"
            )
        try:
            Ed25519PublicKey.from_public_bytes(public).verify(signed, data)
        except InvalidSignature as error:
            raise ReleaseError(
                f"its manifest is not the one that {self.names[public]} signed; fetch or pack it again"
            ) from error
        return self.names[public]


def _private(path: Path) -> Ed25519PrivateKey:
    try:
        content, mode = path.read_bytes(), path.stat().st_mode
    except OSError as error:
        raise ReleaseError(f"{path}: the signing key cannot be read: {error.strerror}") from error
    if len(content) != KEY_BYTES:
        raise ReleaseError(
            f"{path}: a signing key has {KEY_BYTES} bytes, this file has {len(content)}; restore it, or remove it and "
            "'doorbell release pack' makes another"
        )
    if mode & 0o077:
        raise ReleaseError(f"{path}: others may read the signing key; run 'chmod 600 {path}'")
    return Ed25519PrivateKey.from_private_bytes(content)


def _trusted(file: Path, number: int, line: str) -> tuple[bytes, str]:
    encoded, _, name = line.partition(" ")
    public = _raw(encoded.encode())
    if len(public) != KEY_BYTES or not name.strip() or not name.isprintable():
        raise ReleaseError(f"{file}: line {number} is no public key in base64 and a name; put it right or remove it")
    return public, name.strip()


def _append(path: Path, line: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with path.open("ab+") as file:
            file.seek(0)
            whole = file.read()
            separator = "" if whole.endswith(b"\n") or not whole else "\n"
            file.write(f"{separator}{line}\n".encode())
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise ReleaseError(f"{path}: the public key cannot be added: {error.strerror}") from error


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _raw(text: bytes) -> bytes:
    """Empty when it is no base64."""
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        return b""
