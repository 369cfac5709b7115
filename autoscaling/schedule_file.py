"""The schedule of expected rushes from a YAML file:

zone: Europe/Berlin
holidays: [2026-12-25, 2026-12-26]        # days like Sundays
rushes:
  - {at: "09:55", minutes: 25, days: [mon, tue, wed, thu, fri], per_s: 20}
  - {at: "17:00", minutes: 240, dates: [2026-10-31], factor: 3}
"""

from __future__ import annotations

from datetime import date, datetime, time
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from autoscaling.schedule import BadSchedule, Rush, Schedule

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class RushKeys(_Part):
    """One expected rush: every day, on these weekdays, or on these dates."""

    at: time
    minutes: Annotated[int, Field(ge=1, le=1440)]
    days: Annotated[list[Day], Field(min_length=1)] = list(DAYS)  # type: ignore[arg-type]
    dates: list[date] = []
    factor: Annotated[float, Field(ge=0, le=1000)] = 1.0
    per_s: Annotated[float, Field(ge=0, le=1e6)] = 0.0

    @field_validator("at", mode="before")
    @classmethod
    def _quoted(cls, value: object) -> object:
        if not isinstance(value, str):  # YAML reads 09:55 without quotes as 595 minutes
            raise ValueError('write the time in quotes, such as "09:55"')  # noqa: TRY004 pydantic's answer
        return value

    @model_validator(mode="after")
    def _says_something(self) -> RushKeys:
        if self.factor == 1 and not self.per_s:
            raise ValueError("give a factor or per_s")
        return self


class ScheduleKeys(_Part):
    """The file."""

    zone: str
    holidays: list[date] = []
    rushes: list[RushKeys] = []


def read(path: Path) -> Schedule:
    """The schedule in a file. Raises BadSchedule, OSError."""
    return parsed(path.read_text(encoding="utf-8", errors="replace"), path.name)


def parsed(text: str, name: str = "schedule") -> Schedule:
    """The schedule in a text; `name` is what an error calls it. Raises BadSchedule."""
    try:
        keys = ScheduleKeys.model_validate(yaml.safe_load(text))
    except yaml.YAMLError as error:
        raise BadSchedule(f"{name} is no YAML: {' '.join(str(error).split())}") from None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the file"
        raise BadSchedule(f"{name}, {place}: {first['msg'].removeprefix('Value error, ')}") from None
    return Schedule(keys.zone, tuple(map(_rush, keys.rushes)), frozenset(map(_day, keys.holidays)))


def _rush(keys: RushKeys) -> Rush:
    days = frozenset(DAYS.index(day) for day in keys.days)
    dates = frozenset(map(_day, keys.dates))
    return Rush(keys.at, keys.minutes, days, dates, keys.factor, keys.per_s)


def _day(value: date) -> date:
    return value.date() if isinstance(value, datetime) else value
