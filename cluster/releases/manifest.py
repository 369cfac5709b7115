"""What a release says of itself: which weights, how they are used, and what is known of the model.

A release is a folder with `manifest.json`, its signature and the weight files. Nothing in it ever changes: another
threshold is another release. Its digest is the sha256 of the manifest, which has the digests of all the files.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, model_validator

FORMAT: Literal[1] = 1
MANIFEST = "manifest.json"
SIGNATURE = "manifest.sig"
MOST_MANIFEST_BYTES = 65_536
NAME = r"^[a-z0-9][a-z0-9._-]{0,63}$"
Packaged = Literal["yunet-dlib", "yunet-sface"]
ImportPath = Annotated[str, Field(pattern=r"^[A-Za-z_][\w.]{0,99}:[A-Za-z_]\w{0,99}$")]
"""Where an engine of somebody's own is imported from; a cluster runs none that its settings do not name."""

EngineKind = Packaged | ImportPath
ROLES: dict[str, tuple[str, ...]] = {
    "yunet-dlib": ("detector", "embedder", "landmarks"),
    "yunet-sface": ("detector", "embedder"),
}
"""The weight files that each packaged engine needs; an engine of one's own takes any of the roles."""


class ReleaseError(Exception):
    """A release that cannot be used."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


PartT = TypeVar("PartT", bound=_Part)


class WeightFile(_Part):
    """A file of the release's folder; `licence` is an SPDX expression, `source` where the file comes from."""

    role: Literal["detector", "embedder", "landmarks"]
    file: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    size: Annotated[int, Field(ge=1)]
    licence: Annotated[str, Field(min_length=1, max_length=100)]
    source: Annotated[str, Field(min_length=1, max_length=500)]


class Thresholds(_Part):
    """Euclidean distances in the release's embedding space; see serve_apps/recognition/match.py."""

    threshold: Annotated[float, Field(gt=0, le=2)]
    margin: Annotated[float, Field(ge=0, le=1)]


class EngineSettings(_Part):
    """`long_side`: pixels that a frame is reduced to for detection; `score`, `overlap`: of YuNet's detections."""

    long_side: Annotated[int, Field(ge=64, le=4096)] = 384
    score: Annotated[float, Field(gt=0, lt=1)] = 0.7
    overlap: Annotated[float, Field(gt=0, lt=1)] = 0.3
    most_faces: Annotated[int, Field(ge=1, le=100)] = 20


class ModelCard(_Part):
    """What somebody who decides about the model has to know."""

    summary: Annotated[str, Field(min_length=1, max_length=2000)]
    training_data: Annotated[str, Field(min_length=1, max_length=2000)]
    intended_use: Annotated[str, Field(min_length=1, max_length=2000)]
    limits: Annotated[str, Field(min_length=1, max_length=2000)]


class Manifest(_Part):
    """`space` names the embedding space: embeddings of two releases are comparable only when it is the same."""

    format: Literal[1] = FORMAT
    name: Annotated[str, Field(pattern=NAME)]
    created_at: AwareDatetime
    engine: EngineKind
    space: Annotated[str, Field(pattern=NAME)]
    alignment: Annotated[str, Field(min_length=1, max_length=200)]
    thresholds: Thresholds
    settings: EngineSettings
    weights: tuple[WeightFile, ...]
    card: ModelCard

    @model_validator(mode="after")
    def _fits_its_engine(self) -> Self:
        roles, files = [weight.role for weight in self.weights], [weight.file for weight in self.weights]
        needed = ROLES.get(self.engine, tuple(set(roles)))
        if sorted(roles) != sorted(needed):
            raise ValueError(f"{self.engine} needs one file each as {', '.join(needed)}; it has {', '.join(roles)}")
        if len({*files, MANIFEST, SIGNATURE}) != len(files) + 2:
            raise ValueError(f"each file needs a name of its own, none of them {MANIFEST} or {SIGNATURE}")
        return self

    def weight(self, role: str) -> WeightFile:
        """The file of this role. Raises ReleaseError."""
        for weight in self.weights:
            if weight.role == role:
                return weight
        raise ReleaseError(f"{self.name} is {self.engine}, which has no {role}")

    def encoded(self) -> bytes:
        """The bytes that are signed and digested: sorted keys, no spaces."""
        return json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":")).encode()

    @property
    def digest(self) -> str:
        """Hex sha256 of `encoded`."""
        return hashlib.sha256(self.encoded()).hexdigest()


def read_manifest(where: str, data: bytes) -> Manifest:
    """The manifest of these bytes, which must be exactly those that it encodes to. Raises ReleaseError."""
    if len(data) > MOST_MANIFEST_BYTES:
        raise ReleaseError(f"{where}: a manifest has {MOST_MANIFEST_BYTES:,} bytes at the most")
    try:
        manifest = Manifest.model_validate_json(data)
    except ValidationError as error:
        raise ReleaseError(f"{where}: {_said(error)}") from None
    if manifest.encoded() != data:
        raise ReleaseError(
            f"{where}: it is not written as a manifest is, with sorted keys and no spaces; pack it again"
        )
    return manifest


def make_manifest(fields: Mapping[str, Any]) -> Manifest:
    """A new manifest. Raises ReleaseError."""
    try:
        return Manifest(**fields)
    except ValidationError as error:
        raise ReleaseError(f"this makes no release: {_said(error)}") from None


def changed(part: PartT, overrides: Mapping[str, Any]) -> PartT:
    """A part of a manifest with other values; None leaves a value as it is. Raises ReleaseError."""
    given = {key: value for key, value in overrides.items() if value is not None}
    try:
        return type(part).model_validate(part.model_dump() | given)
    except ValidationError as error:
        raise ReleaseError(f"this makes no release: {_said(error)}") from None


def _said(error: ValidationError) -> str:
    first = error.errors(include_input=False, include_url=False)[0]
    place, said = ".".join(map(str, first["loc"])), first["msg"].removeprefix("Value error, ")
    if place.endswith("licence"):
        return f"{place.removesuffix('.licence')}: the file has no licence; it needs an SPDX expression, as Apache-2.0"
    if first["type"] == "json_invalid":
        way_out = "restore it, or remove the release from the registry and pack it again"
        return f"the manifest is damaged ({said}); {way_out}"
    return f"{place}: {said}" if place else said
