"""The service level objectives of slo.yaml."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

FILE = Path(__file__).parent / "slo.yaml"
Selector = Annotated[str, Field(pattern=r"^[a-z_]+(\{[^{}]*\})?$")]


class ObjectivesError(Exception):
    """An objective that says too little or too much."""


class Objective(BaseModel):
    """A share of events that must be good; slo.yaml says what each member is."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(pattern=r"^[a-z_]+$")]
    says: str
    target: Annotated[float, Field(gt=0, lt=1)]
    all: Selector
    good: Selector | None = None
    bad: Selector | None = None
    by: tuple[str, ...] = ()
    blame: Selector | None = None
    blame_by: tuple[str, ...] = ()
    at_least: Annotated[int, Field(ge=1)] = 1
    runbook: str

    @model_validator(mode="after")
    def _one_of_both(self) -> Objective:
        if (self.good is None) == (self.bad is None):
            raise ValueError("give good or bad, and not both")
        return self

    @property
    def budget(self) -> float:
        """The share of events that may be bad."""
        return round(1 - self.target, 9)

    @property
    def title(self) -> str:
        """`notice_delivery` as `NoticeDelivery`."""
        return self.name.title().replace("_", "")

    def count_all(self, function: str, span: str, by: tuple[str, ...] = ()) -> str:
        """PromQL: `function` (rate, increase) of all events over `span`, summed."""
        return _summed(function, self.all, span, by)

    def count_bad(self, function: str, span: str, by: tuple[str, ...] = ()) -> str:
        """PromQL: the same of the bad ones; 0 where nothing bad was ever counted, and more than that with `by`."""
        if self.bad is not None:
            counted = _summed(function, self.bad, span, by)
            return counted if by else f"({counted} or vector(0))"
        assert self.good is not None
        return f"({_summed(function, self.all, span, by)} - {_summed(function, self.good, span, by)})"


def load(file: Path = FILE) -> tuple[Objective, ...]:
    """Raises ObjectivesError: one line."""
    try:
        return tuple(Objective(**each) for each in yaml.safe_load(file.read_text())["objectives"])
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        raise ObjectivesError(f"{file}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    except (yaml.YAMLError, KeyError, TypeError) as error:
        raise ObjectivesError(f"{file}: is no list of objectives: {' '.join(str(error).split())}") from None


def named_in(selector: str) -> str:
    """The metric of a selector."""
    found = re.match(r"[a-z_]+", selector)
    assert found
    return found[0]


def _summed(function: str, selector: str, span: str, by: tuple[str, ...]) -> str:
    grouping = f" by ({', '.join(by)}) " if by else ""
    return f"sum{grouping}({function}({selector}[{span}]))"
