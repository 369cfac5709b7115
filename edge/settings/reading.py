"""The settings of a box, read once from a YAML file."""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from edge.errors import KeyUnusable, SettingsInvalid
from edge.settings.agent import EdgeSettings

KEY_VARIABLE = "DOORBELL_EDGE_KEY"


def read_settings(path: Path) -> EdgeSettings:
    """Return the settings in a YAML file. Raises SettingsInvalid with the first thing that is wrong."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsInvalid(f"cannot read {path}: {error}", "name a readable YAML file") from error
    except (yaml.YAMLError, ValueError) as error:
        # A date such as 2026-13-45 is a plain ValueError.
        raise SettingsInvalid(f"{path} is no YAML: {error}", "mend the line it names") from error
    try:
        return EdgeSettings.model_validate(content)
    except ValidationError as error:
        raise _explained(path, error.errors(include_url=False)) from error


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


def _explained(path: Path, errors: list[ErrorDetails]) -> SettingsInvalid:
    # A misspelt key also leaves the right one missing; the misspelling is the thing to say.
    first = min(errors, key=lambda error: error["type"] != "extra_forbidden")
    place = ".".join(str(step) for step in first["loc"])
    others = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    if first["type"] == "union_tag_invalid":
        return _unknown_driver(f"{path}: {place}.driver", first["ctx"])
    if first["type"] == "union_tag_not_found":
        return SettingsInvalid(f"{path}: {place} has no driver{others}", "say which: driver: …")
    if first["type"] != "extra_forbidden":
        told = first["msg"].removeprefix("Value error, ")
        return SettingsInvalid(f"{path}: {place or 'the file'}: {told}{others}", "mend it in the file")
    way_out = _nearest(str(first["loc"][-1]), _names(EdgeSettings, first["loc"][:-1]))
    return SettingsInvalid(f"{path}: {place} is no known key{others}", way_out)


def _unknown_driver(place: str, told: dict[str, Any]) -> SettingsInvalid:
    known = [name.strip(" '") for name in str(told["expected_tags"]).split(",")]
    return SettingsInvalid(f"{place}: {told['tag']!r} is no driver", _nearest(str(told["tag"]), known))


def _nearest(word: str, known: list[str]) -> str:
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    return f"did you mean {near[0]}?" if near else f"known here: {', '.join(known)}"


def _names(model: type[BaseModel], place: tuple[int | str, ...]) -> list[str]:
    """Return the keys known at a place such as `cameras.0.opencv`: a field, where in a list, and which driver."""
    reached: list[type[BaseModel]] = [model]
    for step in place:
        fields = [each.model_fields[str(step)] for each in reached if str(step) in each.model_fields]
        if fields:
            reached = [section for field in fields for section in _sections(field.annotation)]
        elif isinstance(step, str):
            reached = [each for each in reached if step in get_args(_driver_of(each))] or reached
    return list(dict.fromkeys(name for each in reached for name in each.model_fields))


def _driver_of(section: type[BaseModel]) -> Any:
    return section.model_fields["driver"].annotation if "driver" in section.model_fields else None


def _sections(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [section for each in get_args(annotation) for section in _sections(each)]
