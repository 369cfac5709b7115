"""How one frame lies in a file.

    header as one line of JSON
    SHA-256 of header and image, as 64 hexadecimal digits
    image

The checksum covers the header too: a flipped bit in the camera id is as wrong as one in the image.
"""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from pathlib import Path
from typing import Any

from edge.camera import Frame
from edge.errors import Damaged, Unusable

_FORMAT = 1


def encode(frame: Frame) -> bytes:
    """Return the file of a frame."""
    header = json.dumps(
        {
            "format": _FORMAT,
            "frame_id": frame.frame_id,
            "camera_id": frame.camera_id,
            "captured_at": frame.captured_at.isoformat(),
            "trigger": frame.trigger,
            "media_type": frame.media_type,
            "label": frame.label,
        }
    ).encode()
    return b"\n".join((header, _checksum(header, frame.image), frame.image))


def decode(data: bytes) -> Frame:
    """Return the frame of a file. Raises Damaged for anything that `encode` has not written."""
    header, _, rest = data.partition(b"\n")
    checksum, _, image = rest.partition(b"\n")
    if checksum != _checksum(header, image):
        raise Damaged("the checksum is wrong")
    try:
        fields = json.loads(header)
        if fields.pop("format") != _FORMAT:
            raise Damaged("written in a format this version does not know")
        fields["captured_at"] = datetime.fromisoformat(fields["captured_at"])
        return Frame(image=image, **fields)
    except (AttributeError, KeyError, TypeError, ValueError, Unusable) as error:
        raise Damaged(f"the header is not one of a frame: {error}") from error


def read_header(path: Path) -> dict[str, Any] | None:
    """Return the header of a file unverified, or None where there is none to read."""
    try:
        with path.open("rb") as file:
            fields = json.loads(file.readline(64 * 1024))
    except (OSError, ValueError):
        return None
    return fields if isinstance(fields, dict) else None


def _checksum(header: bytes, image: bytes) -> bytes:
    digest = hashlib.sha256(header + b"\n")
    digest.update(image)
    return digest.hexdigest().encode()
