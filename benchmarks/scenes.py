"""The sample faces at several distances: 640 x 480 frames with one face of a known width and place."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageEnhance

from samples.frames import FRAME_SIZE, PEOPLE, PHOTOS, empty_door
from serve_apps.faces import Box
from serve_apps.faces import Image as Pixels
from serve_apps.recognition.decode import decode
from serve_apps.recognition.engine import YunetDlib

BRIGHT, DARK = 1.0, 0.35
PLACES = ((0.25, 0.35), (0.5, 0.5), (0.7, 0.6))
"""Of the face's centre, in parts of the frame."""


@dataclass(frozen=True, slots=True)
class Scene:
    """A BGR frame. `person` is who is enrolled from another photograph, or None."""

    pixels: Pixels
    face: Box
    width: int
    brightness: float
    person: str | None


def scenes(engine: YunetDlib, widths: tuple[int, ...]) -> Iterator[Scene]:
    """Every sample photograph at every width, place and brightness."""
    owners = {photo: person.name for person in PEOPLE for photo in person.photos}
    for path in sorted(PHOTOS.glob("*.jpg")):
        box = engine.faces(decode(path.read_bytes()))[0].box
        role = path.stem.rpartition("-")[0].removesuffix("-part")
        person = next((name for photo, name in owners.items() if photo.startswith(role)), None)
        with Image.open(path) as opened:
            photo = opened.convert("RGB")
        for width in widths:
            for place in PLACES:
                yield from _lit(photo, box, width, place, None if path.name in owners else person)


def _lit(photo: Image.Image, box: Box, width: int, place: tuple[float, float], person: str | None) -> Iterator[Scene]:
    by = width / box.width
    small = photo.resize((round(photo.width * by), round(photo.height * by)), Image.Resampling.LANCZOS)
    left = round(FRAME_SIZE[0] * place[0] - (box.x + box.width / 2) * by)
    top = round(FRAME_SIZE[1] * place[1] - (box.y + box.height / 2) * by)
    frame = empty_door()
    frame.paste(small, (left, top))
    face = Box(left + box.x * by, top + box.y * by, width, box.height * by)
    for brightness in (BRIGHT, DARK):
        lit = np.asarray(ImageEnhance.Brightness(frame).enhance(brightness))
        yield Scene(np.ascontiguousarray(lit[:, :, ::-1]), face, width, brightness, person)


def lies_on(box: Box, face: Box) -> bool:
    """Whether the two share at least 0.4 of the area that they cover together."""
    across = min(box.x + box.width, face.x + face.width) - max(box.x, face.x)
    down = min(box.y + box.height, face.y + face.height) - max(box.y, face.y)
    shared = max(0.0, across) * max(0.0, down)
    return shared >= 0.4 * (box.width * box.height + face.width * face.height - shared)
