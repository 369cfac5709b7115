"""Blue and green: which release each colour runs, what share of the cameras it answers, and which one is live."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Literal

from pydantic import AwareDatetime, ConfigDict, Field, TypeAdapter, ValidationError

from cluster.releases.manifest import NAME

Colour = Literal["blue", "green"]
COLOURS: tuple[Colour, ...] = ("blue", "green")
Weights = dict[Colour, Annotated[int, Field(ge=0, strict=True)]]
Name = Annotated[str, Field(pattern=NAME)]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class StateError(Exception):
    """Colours, weights or a lease that do not fit each other."""


@dataclass(frozen=True, slots=True)
class Deployed:
    """A release by name; its digest (hex sha256 of its manifest) is None where only the name is known."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    name: Name
    digest: Digest | None = None


@dataclass(frozen=True, slots=True)
class Lease:
    """The weights hold `until`; from then on the gateways take those of `fallback` without being told."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    until: AwareDatetime
    fallback: Weights


@dataclass(frozen=True, slots=True)
class State:
    """`epoch` numbers the changes, so that a gateway never goes back to an older one.

    The live colour is the heaviest of the weights that hold without a lease. Raises StateError when it is not, and
    for weights of a colour that runs no release.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    live: Colour
    releases: dict[Colour, Deployed]
    weights: Weights
    lease: Lease | None = None
    epoch: Annotated[int, Field(ge=0, strict=True)] | None = None

    def __post_init__(self) -> None:
        for weights in (self.weights, self.lasting):
            if stray := [colour for colour in weights if colour not in self.releases]:
                raise StateError(f"{stray[0]} has a weight, and no release")
            if sum(weights.values()) <= 0 or min(weights.values()) < 0:
                raise StateError(f"no colour has any weight: {weights}")
        if self.lasting.get(self.live, 0) < max(self.lasting.values()):
            raise StateError(f"{self.live} is said to be live, and the other colour is the heavier: {self.lasting}")

    @property
    def lasting(self) -> Weights:
        """The weights that hold when nobody acts any more."""
        return self.lease.fallback if self.lease else self.weights

    @property
    def idle(self) -> Colour:
        """The colour that is not live."""
        return "green" if self.live == "blue" else "blue"

    def at_rest(self) -> State:
        """What a restart begins with: a lease that was running has ended, and the live colour has all of it."""
        if self.lease is None:
            return self
        return replace(self, weights={self.live: 100}, lease=None)

    def to_json(self) -> str:
        """Read by `from_json`."""
        return _STATE.dump_json(self, indent=2).decode() + "\n"

    @classmethod
    def from_json(cls, text: str | bytes) -> State:
        """Raises StateError: one line that names the first wrong field."""
        try:
            return _STATE.validate_json(text)
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            raise StateError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}".lstrip(": ")) from None


_STATE = TypeAdapter(State)
