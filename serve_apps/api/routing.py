"""Which recognizer answers a camera: blue and green by weight, the same one for the same camera."""

from __future__ import annotations

import zlib
from collections.abc import Mapping


def choose(weights: Mapping[str, int], camera_id: str) -> str:
    """A recognizer application's name; a camera changes only when the weights do. Raises ValueError without weight."""
    total = sum(weights.values())
    if total <= 0:
        raise ValueError("no recognizer has any weight")
    place = zlib.crc32(camera_id.encode()) % total
    for name, weight in sorted(weights.items()):
        if place < weight:
            return name
        place -= weight
    raise AssertionError("unreachable: place is below the total")
