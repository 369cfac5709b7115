"""A Serve config checked before Serve sees it. Serve takes a misspelt key in silence and runs without it.

Three looks: every key against Serve's JSON schema, the values with Serve's own models (`Values`, given by the caller,
so that nothing here imports Ray), and the parts that are ours: `args`, `user_config` and what has to fit together.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from cluster.deployment.colours import Digest
from cluster.deployment.import_paths import why_not
from cluster.deployment.nearest import Found, Place, no_such_key
from cluster.deployment.own_parts import missing, own_problems
from cluster.deployment.policy_keys import POLICY, policy_problems
from cluster.deployment.serve_config import GATEWAY, RECOGNIZER

Schema = Mapping[str, Any]
Values = Callable[[object], Iterable[tuple[Place, str]]]
"""Finds values of a wrong type or out of range, with Serve's models."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class RecognizerKeys(_Part):
    """`args` of a recognizer."""

    release: Annotated[str, Field(pattern=r"^[\w.-]{1,64}$")]
    digest: Digest | None = None


class GatewayKeys(_Part):
    """`user_config` of the gateway: weights by application, and with a lease what holds after `until`."""

    weights: dict[str, Annotated[int, Field(ge=0, strict=True)]]
    until: AwareDatetime | None = None
    fallback: dict[str, Annotated[int, Field(ge=0, strict=True)]] | None = None
    epoch: Annotated[int, Field(ge=0, strict=True)] | None = None

    @field_validator("until", mode="before")
    @classmethod
    def _quoted(cls, value: object) -> object:
        if isinstance(value, datetime):  # YAML's own: Serve is sent JSON, which has no such thing
            raise ValueError("write the moment in quotes")  # noqa: TRY004 pydantic takes a ValueError for an answer
        return value

    @model_validator(mode="after")
    def _together(self) -> GatewayKeys:
        if (self.until is None) != (self.fallback is None):
            raise ValueError("until and fallback belong together: give both or none")
        return self


def problems(config: object, schema: Schema, values: Values) -> list[str]:
    """Everything that is wrong, a line each: `path: what; did you mean …?`. Empty when nothing is."""
    if not isinstance(config, Mapping):
        return ["the file holds no Serve config: it has to be a mapping with the key applications"]
    found = [*unknown_keys(config, schema, schema, ()), *values(config), *_ours(config)]
    return list(dict.fromkeys(f"{path(place)}: {said}" for place, said in found))


def members(owner: object, key: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """The mappings in a list, by number; what is none there, Serve's models complain of."""
    found = owner.get(key) if isinstance(owner, Mapping) else None
    if isinstance(found, list):
        yield from ((number, item) for number, item in enumerate(found) if isinstance(item, Mapping))


def path(place: Place) -> str:
    """`applications[0].deployments[0].name`"""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place)
    return text.lstrip(".") or "the config"


def unknown_keys(value: object, schema: Schema, root: Schema, place: Place) -> Found:
    """Follow a value and its schema downwards, as far as the schema names keys."""
    for option in _options(schema, root):
        if isinstance(value, list) and "items" in option:
            for number, item in enumerate(value):
                yield from unknown_keys(item, option["items"], root, (*place, number))
            return
        if isinstance(value, Mapping) and "properties" in option:
            for key, item in value.items():
                if key in option["properties"]:
                    yield from unknown_keys(item, option["properties"][key], root, (*place, key))
                else:
                    yield (*place, str(key)), no_such_key(key, option["properties"])
            return


def _options(schema: Schema, root: Schema) -> Iterator[Schema]:
    """A schema's alternatives without references. Where Serve takes a model or any mapping, the model comes first."""
    if reference := schema.get("$ref"):
        schema = root["$defs"][reference.rpartition("/")[2]]
    if choices := schema.get("anyOf"):
        found = [option for choice in choices for option in _options(choice, root)]
        yield from sorted(found, key=lambda option: "properties" not in option)
    else:
        yield schema


def _ours(config: Mapping[str, Any]) -> Found:
    applications = list(members(config, "applications"))
    names = Counter(str(application.get("name", "default")) for _, application in applications)
    for number, application in applications:
        place: Place = ("applications", number)
        name = str(application.get("name", "default"))
        if names[name] > 1:
            yield (*place, "name"), f"{names[name]} applications are called {name}; give each its own name"
        import_path = application.get("import_path")
        if isinstance(import_path, str) and (reason := why_not(import_path)):
            yield (*place, "import_path"), f"{import_path}: {reason}"
        yield from own_problems(application, place)
        if name.startswith(RECOGNIZER):
            yield from _held_to(RecognizerKeys, application.get("args", {}), (*place, "args"))
        for index, deployment in members(application, "deployments"):
            scaling = deployment.get("autoscaling_config")
            if isinstance(scaling, Mapping) and isinstance(scaling.get("policy"), Mapping):
                yield from policy_problems(scaling["policy"], (*place, "deployments", index, *POLICY))
        if name == GATEWAY:
            yield from _gateway(application, place, set(names))
    yield from missing(set(names))


def _gateway(application: Mapping[str, Any], place: Place, names: set[str]) -> Found:
    for number, deployment in members(application, "deployments"):
        if deployment.get("name") == "Gateway":
            here = (*place, "deployments", number, "user_config")
            yield from _user_config(deployment.get("user_config") or {}, here, names)
            return
    yield (*place, "deployments"), "no deployment Gateway with a user_config of weights, so no recognizer is asked"


def _user_config(user_config: Mapping[str, Any], place: Place, names: set[str]) -> Found:
    wrong = list(_held_to(GatewayKeys, user_config, place))
    yield from wrong
    spoilt = {here[len(place)] for here, _ in wrong if len(here) > len(place)}
    for key in ("weights", "fallback"):
        weights = user_config.get(key) if isinstance(user_config, Mapping) else None
        if key in spoilt or not isinstance(weights, Mapping):
            continue
        for name in weights:
            if name not in names or not name.startswith(RECOGNIZER):
                recognizers = sorted(other for other in names if other.startswith(RECOGNIZER))
                yield (*place, key, name), f"no such recognizer; the config has {', '.join(recognizers) or 'none'}"
        if sum(weights.values()) <= 0:
            yield (*place, key), "no recognizer has any weight"


def _held_to(model: type[BaseModel], value: object, place: Place) -> Found:
    try:
        model.model_validate(value)
    except ValidationError as error:
        for each in error.errors(include_input=False, include_url=False):
            here = (*place, *each["loc"])
            if each["type"] == "extra_forbidden":
                yield here, no_such_key(each["loc"][-1], model.model_fields)
            else:
                yield here, each["msg"].removeprefix("Value error, ")
