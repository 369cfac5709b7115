"""What a simulated door sees: frames composed from the sample photographs, and what each must be answered.

The persons are called by role: see CREDITS.md.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageEnhance

PHOTOS = Path(__file__).parent / "photos"
FRAME_SIZE = (640, 480)
WALL = (148, 143, 134)
EXIF_ORIENTATION = 0x0112


@dataclass(frozen=True, slots=True)
class SamplePerson:
    """Somebody to enrol: role, standing and photographs."""

    name: str
    standing: str
    photos: tuple[str, ...]

    @property
    def paths(self) -> list[Path]:
        """The photographs' files."""
        return [PHOTOS / photo for photo in self.photos]


@dataclass(frozen=True, slots=True)
class SampleFrame:
    """A frame with its expected verdict and the names of those who must be recognized."""

    name: str
    compose: Callable[[], Image.Image]
    verdict: str
    who: tuple[str, ...] = ()
    exif_orientation: int | None = None

    def write(self, folder: Path, number: int) -> Path:
        """A JPEG in `folder`, numbered so that a replay keeps the order."""
        path = folder / f"{number:02d}-{self.name}.jpg"
        exif = Image.Exif()
        if self.exif_orientation is not None:
            exif[EXIF_ORIENTATION] = self.exif_orientation
        self.compose().save(path, quality=90, exif=exif)
        return path


RESIDENT, COURIER, BARRED = "Resident", "Courier", "Barred visitor"

PEOPLE = (
    SamplePerson(RESIDENT, "known", ("resident-1.jpg",)),
    SamplePerson(COURIER, "known", ("courier-1.jpg", "courier-2.jpg")),
    SamplePerson(BARRED, "blacklisted", ("barred-1.jpg",)),
)


def at_door(*photos: str, height: int = 430) -> Image.Image:
    """A 640 x 480 frame with people side by side, each photograph `height` pixels high, before a plain wall."""
    frame = Image.new("RGB", FRAME_SIZE, WALL)
    share = FRAME_SIZE[0] // len(photos)
    for place, photo in enumerate(photos):
        with Image.open(PHOTOS / photo) as opened:
            person = opened.convert("RGB")
        person.thumbnail((share - 10, height), Image.Resampling.LANCZOS)
        left = place * share + (share - person.width) // 2
        frame.paste(person, (left, FRAME_SIZE[1] - person.height))
    return frame


def empty_door() -> Image.Image:
    """A wall with a little noise, as a camera sees it at dusk."""
    noise: NDArray[np.float64] = np.random.default_rng(7).normal(0, 6, (FRAME_SIZE[1], FRAME_SIZE[0], 1))
    return Image.fromarray(np.clip(np.array(WALL) + noise, 0, 255).astype(np.uint8))


def small_and_dark() -> Image.Image:
    """The resident some metres away at night: a face of about 60 pixels at a third of the brightness."""
    return ImageEnhance.Brightness(at_door("resident-2.jpg", height=190)).enhance(0.33)


def tilted() -> Image.Image:
    """A camera that hangs 15 degrees askew."""
    return at_door("courier-3.jpg").rotate(15, Image.Resampling.BICUBIC, fillcolor=WALL)


def sideways() -> Image.Image:
    """A camera mounted on its side: the pixels lie, EXIF says how to turn them."""
    return at_door("resident-2.jpg").transpose(Image.Transpose.ROTATE_90)


FRAMES = (
    SampleFrame("resident", lambda: at_door("resident-1.jpg"), "known", (RESIDENT,)),
    SampleFrame("resident-other-photo", lambda: at_door("resident-2.jpg"), "known", (RESIDENT,)),
    SampleFrame("courier-speaking", lambda: at_door("courier-3.jpg"), "known", (COURIER,)),
    SampleFrame("courier-far", lambda: at_door("courier-4.jpg"), "known", (COURIER,)),
    SampleFrame("barred-visitor", lambda: at_door("barred-2.jpg"), "blacklisted", (BARRED,)),
    SampleFrame("stranger", lambda: at_door("stranger-1.jpg"), "unknown"),
    SampleFrame("other-stranger", lambda: at_door("stranger-2.jpg"), "unknown"),
    SampleFrame("two-known", lambda: at_door("resident-2.jpg", "courier-3.jpg"), "known", (COURIER, RESIDENT)),
    SampleFrame("resident-and-stranger", lambda: at_door("resident-2.jpg", "stranger-1.jpg"), "unknown", (RESIDENT,)),
    SampleFrame("stranger-and-barred", lambda: at_door("stranger-1.jpg", "barred-2.jpg"), "blacklisted", (BARRED,)),
    SampleFrame("nobody", empty_door, "no_face"),
    SampleFrame("small-and-dark", small_and_dark, "known", (RESIDENT,)),
    SampleFrame("tilted", tilted, "known", (COURIER,)),
    SampleFrame("sideways-camera", sideways, "known", (RESIDENT,), exif_orientation=6),
)
