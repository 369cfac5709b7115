"""Whether what was restored is what the source has. Pure; the source goes on meanwhile, and that is no difference."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

Key = tuple[Any, ...]
Values = tuple[Any, ...]
Excused = Callable[[Key, Values], bool]
"""Whether a row may differ, since the source has changed it after the snapshot."""

SHOWN = 20
"""Differences that a report tells; it counts all."""


def differences(
    what: str, restored: Mapping[Key, Values], source: Mapping[Key, Values], lost: Excused, added: Excused
) -> Iterator[str]:
    """A line for each row of one side that the other has not, or has otherwise.

    `lost` excuses what only the restored side has, or has otherwise; `added` what only the source has.
    """
    for key, values in restored.items():
        if key not in source:
            if not lost(key, values):
                yield f"{what} {_shown(key)}: restored, but the source has none"
        elif source[key] != values and not lost(key, values):
            yield f"{what} {_shown(key)}: {_unequal(values, source[key])}"
    for key, values in source.items():
        if key not in restored and not added(key, values):
            yield f"{what} {_shown(key)}: not restored"


@dataclass(frozen=True, slots=True)
class Drill:
    """A rehearsed restore. Times in seconds.

    `rpo_seconds`: how old the newest snapshot was when the drill began, which is what a loss at that moment would have
    cost. `rto_seconds`: from there to the first right answer of the application, without the comparing in between.
    """

    snapshot: str
    taken_at: datetime
    began_at: datetime
    rpo_seconds: float
    rto_seconds: float
    restore_seconds: float
    start_seconds: float
    rows_compared: int
    people_compared: int
    events_compared: int
    frames_compared: int
    different: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """With the number of differences, the first of them in words."""
        fields = asdict(self) | {"taken_at": self.taken_at.isoformat(), "began_at": self.began_at.isoformat()}
        return fields | {"differences": len(self.different), "different": list(self.different[:SHOWN])}


def _shown(key: Key) -> str:
    return " ".join(map(str, key))


def _unequal(restored: Values, source: Values) -> str:
    """Which values, by their place: a report holds nobody's data."""
    if len(restored) != len(source):
        return f"{len(restored)} values restored, the source has {len(source)}"
    places = [str(place) for place, pair in enumerate(zip(restored, source, strict=True), 1) if pair[0] != pair[1]]
    return f"restored otherwise than the source has it (value {', '.join(places)})"
