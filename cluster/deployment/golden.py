"""Golden frames: photographs of people, frames, and what every release must answer. A folder, never changed in place.

golden.json     {"version": …, "people": [{"name", "standing", "photos": [file, …]}],
                 "frames": [{"file", "verdict", "who": [name, …]}]}
"""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

FILE = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"
FileName = Annotated[str, Field(pattern=FILE)]
LARGEST_FILE = 5_000_000


class GoldenError(Exception):
    """Golden frames that cannot be used."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class GoldenPerson(_Part):
    """Somebody whom the frames show."""

    name: Annotated[str, Field(min_length=1, max_length=100)]
    standing: Literal["known", "blacklisted"]
    photos: Annotated[tuple[FileName, ...], Field(min_length=1, max_length=10)]


class GoldenFrame(_Part):
    """A frame and its answer."""

    file: FileName
    verdict: Literal["no_face", "known", "unknown", "blacklisted"]
    who: tuple[str, ...] = ()


class Golden(_Part):
    """What `golden.json` says."""

    version: Annotated[str, Field(pattern=FILE)]
    people: Annotated[tuple[GoldenPerson, ...], Field(max_length=50)]
    frames: Annotated[tuple[GoldenFrame, ...], Field(min_length=1, max_length=5000)]


class GoldenSet:
    """A read set; `name` is its version with the beginning of a digest over the description and every file."""

    def __init__(self, folder: Path) -> None:
        """Raises GoldenError."""
        self.folder = folder
        try:
            said = (folder / "golden.json").read_bytes()
            self.golden = Golden.model_validate_json(said)
        except OSError as error:
            raise GoldenError(f"{folder}/golden.json: {error.strerror}") from None
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            raise GoldenError(f"{folder}/golden.json: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None
        names = {person.name for person in self.golden.people}
        digest = hashlib.sha256(said)
        for frame in self.golden.frames:
            if stray := set(frame.who) - names:
                raise GoldenError(
                    f"{folder}/golden.json: {frame.file} expects {min(stray)}, who is not among the people"
                )
        for name in [photo for person in self.golden.people for photo in person.photos] + [
            frame.file for frame in self.golden.frames
        ]:
            digest.update(hashlib.sha256(self.read(name)).digest())
        self.name = f"{self.golden.version} {digest.hexdigest()[:12]}"

    def read(self, name: str) -> bytes:
        """A file of the set. Raises GoldenError."""
        path = self.folder / name
        try:
            if path.stat().st_size > LARGEST_FILE:
                raise GoldenError(f"{path} is larger than {LARGEST_FILE} bytes")
            return path.read_bytes()
        except OSError as error:
            raise GoldenError(f"{path}: {error.strerror}; the golden frames are not complete") from None

    def people(self) -> list[dict[str, Any]]:
        """As the trial's request has them."""
        return [
            {"name": each.name, "standing": each.standing, "photos": [self.encoded(photo) for photo in each.photos]}
            for each in self.golden.people
        ]

    def encoded(self, name: str) -> str:
        """A file in base64."""
        return base64.b64encode(self.read(name)).decode()


def write(folder: Path, golden: Golden, files: dict[str, bytes]) -> None:
    """A new set; the description goes last. Raises GoldenError when the folder has one already."""
    if (folder / "golden.json").exists():
        raise GoldenError(f"{folder} has golden frames already; give a new folder, a set is never changed")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    (folder / "golden.json").write_text(json.dumps(golden.model_dump(mode="json"), indent=1))
