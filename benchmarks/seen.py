"""What each side sees in a picture: the embedding of its most prominent face, computed once however many pairs ask.

Ours is the engine that a replica runs. The reference is face_recognition as its documentation shows it, with its
defaults: `load_image_file`, `face_locations` (HOG, one upsample), `face_encodings` (the small landmark model).
"""

from __future__ import annotations

import io
import os
import signal
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from multiprocessing import get_context
from pathlib import Path

import face_recognition
import numpy as np
from PIL import Image, ImageFile

from benchmarks.figures import Seen
from benchmarks.pairs import BadPairs, Pairs, WorkersEnded
from serve_apps.faces import Box, UndecodableImage
from serve_apps.recognition.decode import decode
from serve_apps.recognition.detect import DetectorLimits
from serve_apps.recognition.engine import YunetDlib

CENTRE_WEIGHT = 2.0
WORTH_PROCESSES = 48
"""Pictures from which on several processes are faster: each needs about two seconds to load both engines."""

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class BothSeen:
    """One picture, by both sides."""

    ours: Seen
    reference: Seen


def look(
    pairs: Pairs, weights_folder: Path, long_side: int, progress: Progress = lambda done, total: None
) -> dict[Path, BothSeen]:
    """Every picture of the pairs by both sides, on all cores when there are many; `progress` hears of each.

    All pictures are decoded once before the first is embedded, so that a damaged one is found early. Raises BadPairs,
    WorkersEnded, WeightsError.
    """
    pictures = pairs.pictures
    for path, line in pictures.items():
        _check(path, pairs.place, line)
    one, paths = partial(_see, weights_folder, long_side), list(pictures)
    one(paths[0])  # builds the graphs if need be, which two processes should not do at once
    with _on_all_cores(len(paths)) as run:
        found: dict[Path, BothSeen] = {}
        for path, seen in zip(paths, run(one, paths), strict=True):
            found[path] = seen
            progress(len(found), len(paths))
    return found


def most_prominent(boxes: Sequence[Box], width: int, height: int) -> int:
    """Which face of a width x height picture it is about: the largest, unless it stands far from the middle.

    The box's area less twice the squared distance of its centre from the picture's, both in pixels, as facenet chooses
    (align_dataset_mtcnn.py). Lists of pairs name a picture by one person, who in LFW and in portraits is in the middle;
    the first detection may be a passer-by.
    """
    middle_x, middle_y = width / 2, height / 2
    scores = [
        box.width * box.height
        - CENTRE_WEIGHT * ((box.x + box.width / 2 - middle_x) ** 2 + (box.y + box.height / 2 - middle_y) ** 2)
        for box in boxes
    ]
    return int(np.argmax(scores))


def _see(weights_folder: Path, long_side: int, path: Path) -> BothSeen:
    content = path.read_bytes()
    try:
        return BothSeen(_ours(content, weights_folder, long_side), _reference(content))
    except UndecodableImage as error:
        raise BadPairs(f"{path}: {error}") from None


def _ours(content: bytes, weights_folder: Path, long_side: int) -> Seen:
    image = decode(content)
    faces = _engine(weights_folder, long_side).faces(image)
    if not faces:
        return Seen(None, 0)
    chosen = most_prominent([face.box for face in faces], image.shape[1], image.shape[0])
    return Seen(faces[chosen].embedding, len(faces))


def _reference(content: bytes) -> Seen:
    image = face_recognition.load_image_file(io.BytesIO(content))
    places = face_recognition.face_locations(image)
    if not places:
        return Seen(None, 0)
    boxes = [Box(left, top, right - left, bottom - top) for top, right, bottom, left in places]
    chosen = most_prominent(boxes, image.shape[1], image.shape[0])
    encoding = face_recognition.face_encodings(image, [places[chosen]])[0]
    return Seen(np.asarray(encoding, np.float32), len(places))


@cache
def _engine(weights_folder: Path, long_side: int) -> YunetDlib:
    return YunetDlib(weights_folder, DetectorLimits(long_side=long_side))


def _check(path: Path, place: str, line: int) -> None:
    at = f"{place}, line {line}" if line else place
    try:
        with _whole_pictures_only(), Image.open(path) as opened:
            opened.load()
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        said = str(error) if isinstance(error, OSError) and error.errno is None else type(error).__name__
        raise BadPairs(f"{at}: {path} cannot be decoded: {said}") from None


@contextmanager
def _whole_pictures_only() -> Iterator[None]:
    """face_recognition tells Pillow, for the whole process, to fill what is missing of a picture with grey."""
    told, ImageFile.LOAD_TRUNCATED_IMAGES = ImageFile.LOAD_TRUNCATED_IMAGES, False
    try:
        yield
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = told


Run = Callable[[Callable[[Path], BothSeen], list[Path]], Iterable[BothSeen]]


@contextmanager
def _on_all_cores(pictures: int) -> Iterator[Run]:
    cores = len(os.sched_getaffinity(0))
    if pictures < WORTH_PROCESSES or cores < 2:
        yield map
        return
    leave_to_us = (signal.SIGINT, signal.SIG_IGN)
    pool = ProcessPoolExecutor(cores, get_context("spawn"), signal.signal, leave_to_us)
    try:
        yield partial(pool.map, chunksize=4)
    except BrokenProcessPool:
        raise WorkersEnded(
            "a process that computes embeddings was ended from outside; is there enough memory?"
        ) from None
    finally:
        pool.shutdown(cancel_futures=True)
