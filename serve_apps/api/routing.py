"""Which recognizer answers a camera: blue and green by weight, the same one for the same camera.

Weights of a canary are a lease and end by themselves, so that one whose controller died goes back to the live release.
"""

from __future__ import annotations

import difflib
import hashlib
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, TypeAlias

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

ANSWER_SECONDS = 5.0
LEASED_SECONDS = 1.5
"""For the first try at a canary: a slow one must leave its frames the time to be answered by the live release."""

NAME = re.compile(r"recognizer-[a-z]+")
USUAL_NAMES = ("recognizer-blue", "recognizer-green")

Weights: TypeAlias = dict[str, Annotated[int, Field(ge=0, le=1_000_000)]]


class Routing(BaseModel):
    """`user_config` of the gateway in the Serve config.

    `weights` may have any sum. From `until` on `fallback` is used in their place; before it, what has weight but none
    in `fallback` is a canary. `epoch` is the controller's: a lower one than the gateway has is not taken; None is an
    operator's hand.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    weights: Weights
    fallback: Weights | None = None
    until: AwareDatetime | None = None
    epoch: Annotated[int | None, Field(ge=0)] = None

    @model_validator(mode="before")
    @classmethod
    def _names_are_known(cls, given: Any) -> Any:
        if isinstance(given, Mapping):
            _refuse_unknown("key", (key for key in given if key not in cls.model_fields), cls.model_fields)
            for each in (given.get("weights"), given.get("fallback")):
                if isinstance(each, Mapping):
                    wrong = (name for name in each if not NAME.fullmatch(str(name)))
                    _refuse_unknown("recognizer", wrong, USUAL_NAMES)
        return given

    @model_validator(mode="after")
    def _somebody_answers_at_any_time(self) -> Routing:
        if self.until is not None and self.fallback is None:
            raise ValueError("'until' needs a 'fallback': the weights from then on")
        for key, weights in (("weights", self.weights), ("fallback", self.fallback)):
            if weights is not None and not any(weights.values()):
                raise ValueError(f"no recognizer has any weight in '{key}'")
        return self


def _refuse_unknown(what: str, wrong: Iterable[object], known: Iterable[str]) -> None:
    for each in wrong:
        near = difflib.get_close_matches(str(each), list(known), 1, cutoff=0.0)
        raise ValueError(f"{each!r} is no {what} of the gateway's user_config: the nearest is {near[0]!r}")


def weights_at(routing: Routing, now: datetime) -> Mapping[str, int]:
    """The weights that hold at `now`."""
    if routing.until is not None and routing.fallback is not None and now >= routing.until:
        return routing.fallback
    return routing.weights


def choose(weights: Mapping[str, int], camera_id: str) -> str:
    """A recognizer application's name. Raises ValueError without weight.

    Each application draws a number from its name and the camera's, and the best by weight wins (weighted rendezvous
    hashing): shares are the weights', and more weight for one only moves cameras towards it.
    """
    weighted = [name for name, weight in weights.items() if weight > 0]
    if not weighted:
        raise ValueError("no recognizer has any weight")
    if len(weighted) == 1:
        return weighted[0]
    return max(weighted, key=lambda name: (math.log(_drawn(name, camera_id)) / weights[name], name))


def _drawn(name: str, camera_id: str) -> float:
    """Above 0 and below 1, the same for the same names; 52 bits, so that no rounding gives 1."""
    digest = hashlib.blake2b(f"{name}\0{camera_id}".encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return ((int.from_bytes(digest, "big") >> 12) + 0.5) / 2**52


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try: whom to ask, and for how long."""

    application: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Plan:
    """What holds at one time, worked out beforehand.

    `attempts` has the tries by the application that is asked first, `examining` those for photographs, and `needed` the
    applications without which the gateway is not ready.
    """

    weights: Mapping[str, int]
    attempts: Mapping[str, tuple[Attempt, ...]]
    examining: tuple[Attempt, ...]
    needed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Plans:
    """The plan of the weights, and the one from `until` on."""

    present: Plan
    later: Plan
    until: datetime | None

    def at(self, now: datetime) -> Plan:
        """The plan that holds at `now`."""
        return self.present if self.until is None or now < self.until else self.later


def plans_of(routing: Routing) -> Plans:
    """Everything about a routing that no request has to work out again."""
    fallback = routing.fallback or {}
    leased = {name for name in routing.weights if not fallback.get(name)} if routing.until is not None else set()
    present = _plan(routing.weights, fallback, leased)
    return Plans(present, _plan(fallback, fallback, set()) if routing.until is not None else present, routing.until)


def _plan(weights: Mapping[str, int], fallback: Mapping[str, int], leased: set[str]) -> Plan:
    weighted = _heaviest_first(weights)
    trusted = [*_heaviest_first(fallback)[:1], *(name for name in weighted if name not in leased)]
    needed = tuple(dict.fromkeys(trusted if leased else weighted))
    return Plan(
        weights,
        {name: _attempts(name, [*trusted, *weighted], leased) for name in weighted},
        # A photograph that goes to a canary after all would be enrolled in the canary's embedding space.
        _attempts(weighted[0], trusted, leased),
        needed,
    )


def _heaviest_first(weights: Mapping[str, int]) -> list[str]:
    return sorted((name for name, weight in weights.items() if weight > 0), key=lambda name: (-weights[name], name))


def _attempts(first: str, others: Iterable[str], leased: set[str]) -> tuple[Attempt, ...]:
    """Three: a replica that dies takes its requests with it, and recognizing again is harmless.

    The second goes to another application where there is one; the third is not for a canary.
    """
    second = next((name for name in others if name != first), first)
    third = second if first in leased else first
    patience = LEASED_SECONDS if first in leased else ANSWER_SECONDS
    return Attempt(first, patience), Attempt(second, ANSWER_SECONDS), Attempt(third, ANSWER_SECONDS)
