"""The settings of a box, read once from a YAML file."""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt, ValidationError, field_validator
from pydantic_core import ErrorDetails

from edge.camera import checked_camera_id
from edge.errors import KeyUnusable, SettingsInvalid, Unusable
from edge.gateway import checked_url

KEY_VARIABLE = "DOORBELL_EDGE_KEY"


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class GatewaySettings(_Section):
    """Where frames go. Times in seconds. Without `key_file` the key comes from the environment."""

    url: str
    key_file: Path | None = None
    timeout_s: PositiveFloat = 10.0
    first_retry_s: PositiveFloat = 0.5
    longest_retry_s: PositiveFloat = 60.0

    @field_validator("url")
    @classmethod
    def _is_http(cls, url: str) -> str:
        return _accepted_by(checked_url, url)


class _CameraSettings(_Section):
    id: str

    @field_validator("id")
    @classmethod
    def _is_camera_id(cls, text: str) -> str:
        return _accepted_by(checked_camera_id, text)


class OpencvSettings(_CameraSettings):
    """A camera number, or an address that OpenCV opens."""

    driver: Literal["opencv"]
    source: int | str = 0


class ReplaySettings(_CameraSettings):
    """A folder of images instead of a camera and its trigger."""

    driver: Literal["replay"]
    folder: Path
    interval_s: Annotated[float, Field(ge=0)] = 0.0


class ButtonSettings(_Section):
    """A push button; `pin` as gpiozero names it, such as 17 or BOARD11."""

    driver: Literal["gpio"] = "gpio"
    pin: int | str
    pull_up: bool = True
    debounce_s: Annotated[float, Field(ge=0)] = 0.05


class SpoolSettings(_Section):
    """Where frames wait, and how many."""

    folder: Path
    max_bytes: PositiveInt = 1 << 30
    max_frames: PositiveInt = 10_000
    max_set_aside: PositiveInt = 100


class EdgeSettings(_Section):
    """Everything a box needs to know."""

    gateway: GatewaySettings
    camera: Annotated[OpencvSettings | ReplaySettings, Field(discriminator="driver")]
    trigger: ButtonSettings | None = None
    spool: SpoolSettings
    metrics_port: Annotated[int, Field(ge=1024, le=65535)] | None = None


def read_settings(path: Path) -> EdgeSettings:
    """Return the settings in a YAML file. Raises SettingsInvalid with the first thing that is wrong."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsInvalid(f"cannot read {path}: {error}", "name a readable YAML file") from error
    except yaml.YAMLError as error:
        raise SettingsInvalid(f"{path} is no YAML: {error}", "mend the line it names") from error
    try:
        settings = EdgeSettings.model_validate(content)
    except ValidationError as error:
        raise _explained(path, error.errors(include_url=False)) from error
    if (settings.trigger is None) == isinstance(settings.camera, OpencvSettings):
        raise SettingsInvalid(
            f"{path}: camera and trigger do not fit", "give a trigger to a camera and none to a replay"
        )
    return settings


def read_key(key_file: Path | None, environment: Mapping[str, str] = os.environ) -> str:
    """Return the API key from its file, or else from the environment. Raises KeyUnusable, which never quotes it."""
    try:
        key = environment.get(KEY_VARIABLE, "") if key_file is None else key_file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise KeyUnusable(f"cannot read the key file {key_file}", "check its name and its owner") from error
    source = f"the file {key_file}" if key_file else KEY_VARIABLE
    key = key.strip()
    if not key:
        raise KeyUnusable(f"there is no API key in {source}", f"set {KEY_VARIABLE} or name a key file")
    if not (key.isascii() and key.isprintable()):
        raise KeyUnusable(f"the API key in {source} has characters no header can carry", "copy it again, in one line")
    return key


def _accepted_by(check: Callable[[str], object], text: str) -> str:
    try:
        check(text)
    except Unusable as error:
        # Pydantic collects value errors only.
        raise ValueError(error.what) from error
    return text


def _explained(path: Path, errors: list[ErrorDetails]) -> SettingsInvalid:
    # A misspelt key also leaves the right one missing; the misspelling is the thing to say.
    first = min(errors, key=lambda error: error["type"] != "extra_forbidden")
    place = ".".join(str(step) for step in first["loc"])
    others = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    if first["type"] != "extra_forbidden":
        return SettingsInvalid(f"{path}: {place or 'the file'}: {first['msg']}{others}", "mend it in the file")
    names = _names(EdgeSettings, first["loc"][:-1])
    near = difflib.get_close_matches(str(first["loc"][-1]), names, n=1, cutoff=0.5)
    way_out = f"did you mean {near[0]}?" if near else f"known here: {', '.join(names)}"
    return SettingsInvalid(f"{path}: {place} is no known key{others}", way_out)


def _names(model: type[BaseModel], place: tuple[int | str, ...]) -> list[str]:
    """Return the keys known at a place; a step that is no field is the driver's name pydantic puts between."""
    if not place:
        return list(model.model_fields)
    field = model.model_fields.get(str(place[0]))
    if field is None:
        return _names(model, place[1:])
    names = [name for section in _sections(field.annotation) for name in _names(section, place[1:])]
    return list(dict.fromkeys(names))


def _sections(annotation: Any) -> list[type[BaseModel]]:
    candidates = get_args(annotation) or (annotation,)
    return [each for each in candidates if isinstance(each, type) and issubclass(each, BaseModel)]
