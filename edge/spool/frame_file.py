"""How one frame lies in a file.

    header as one line of JSON
    SHA-256 of the header, as 64 hexadecimal digits
    SHA-256 of header and body, likewise
    body: the image, or nonce, ciphertext and tag of AES-256-GCM with the header as associated data

The first two lines mean the same in every later format too, so that a file of the future is told from a damaged one.
The header has a checksum of its own because a spool is opened by its headers alone. Format 1 had only the second
checksum and no `face`, boot clock or running time; it is still read.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from edge.camera import Frame
from edge.errors import Damaged, SpoolUnusable, Unusable
from edge.spool.disk import DISK, Disk
from edge.spool.key import SpoolKey

FORMAT = 2
_FRAME_FIELDS = ("frame_id", "camera_id", "trigger", "media_type", "label", "face", "boot_id", "boot_s")
_USUAL_HEAD = 2048
_LONGEST_HEAD = 1 << 20


@dataclass(frozen=True, slots=True)
class Header:
    """The first line of a file; `fields` may be anything unless it is `verified` by its checksum."""

    fields: dict[str, Any]
    verified: bool

    @property
    def newer(self) -> bool:
        """Whether it was written by a later version of this program."""
        number = self.fields.get("format")
        return self.verified and isinstance(number, int) and number > FORMAT

    @property
    def key(self) -> str | None:
        """The fingerprint of the key that the body is encrypted with."""
        return str(self.fields["key"]) if self.verified and "key" in self.fields else None

    @property
    def face(self) -> bool | None:
        face = self.fields.get("face")
        return face if isinstance(face, bool) and self.verified else None

    @property
    def running_s(self) -> float | None:
        """The spool's running time in seconds when the frame was taken; None where nobody noted it."""
        seconds = self.fields.get("running_s") if self.verified else None
        return seconds if isinstance(seconds, float) and math.isfinite(seconds) else None

    def text(self, name: str) -> str:
        """Return a field of any format, empty where it is missing."""
        found = self.fields.get(name)
        return found if isinstance(found, str) else ""


NO_HEADER = Header({}, verified=False)


def encode(frame: Frame, running_s: float = 0.0, key: SpoolKey | None = None) -> bytes:
    """Return the file of a frame that is taken at this running time of the spool, in seconds."""
    fields = {"format": FORMAT, "captured_at": frame.captured_at.isoformat(), "running_s": round(float(running_s), 3)}
    fields |= {name: getattr(frame, name) for name in _FRAME_FIELDS}
    if key is not None:
        fields["key"] = key.fingerprint
    header = json.dumps(fields).encode()
    body = frame.image if key is None else key.seal(frame.image, header)
    return b"\n".join((header, _checksum(header), _checksum(header, b"\n", body), body))


def decode(data: bytes, key: SpoolKey | None = None) -> Frame:
    """Return the frame of a file.

    Raises Damaged for anything that no `encode` has written, SpoolUnusable for a newer format or another key.
    """
    header = header_of(data)
    line, _, rest = data.partition(b"\n")
    if header.newer:
        raise SpoolUnusable("the frame was written by a newer version", "update doorbell-edge")
    if header.verified:
        _, _, rest = rest.partition(b"\n")
    checksum, _, body = rest.partition(b"\n")
    if checksum != _checksum(line, b"\n", body) or header.fields.get("format") != (FORMAT if header.verified else 1):
        raise Damaged("the checksum is wrong")
    if header.key is not None:
        body = _opener(header.key, key).open(body, line)
    return _frame(header.fields, body)


def header_of(head: bytes) -> Header:
    """Return the header of a file by its first bytes; NO_HEADER where that is not one."""
    line, _, rest = head.partition(b"\n")
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError):
        return NO_HEADER
    return Header(fields, rest[:65] == _checksum(line) + b"\n") if isinstance(fields, dict) else NO_HEADER


def read_header(path: Path, disk: Disk = DISK) -> tuple[Header, int]:
    """Return header and size in bytes of a file. Raises OSError."""
    head, size = disk.head(path, _USUAL_HEAD)
    if size > _USUAL_HEAD and head.count(b"\n", 0, _USUAL_HEAD - 1) < 2:
        head, size = disk.head(path, _LONGEST_HEAD)
    return header_of(head), size


def _opener(fingerprint: str, key: SpoolKey | None) -> SpoolKey:
    if key is None or key.fingerprint != fingerprint:
        raise SpoolUnusable("the frame was encrypted with another key", "give the right key_file")
    return key


def _frame(fields: dict[str, Any], image: bytes) -> Frame:
    try:
        told = {name: fields[name] for name in _FRAME_FIELDS if name in fields}
        return Frame(image=image, captured_at=datetime.fromisoformat(fields["captured_at"]), **told)
    except (AttributeError, KeyError, TypeError, ValueError, Unusable) as error:
        raise Damaged(f"the header is not one of a frame: {error}") from error


def _checksum(*parts: bytes) -> bytes:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest().encode()
