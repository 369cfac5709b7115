"""The place where a repository's objects lie."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Stored:
    """An object that is there: `size` in bytes, `modified` (UTC) by the target's own clock."""

    name: str
    size: int
    modified: datetime


class Target(Protocol):
    """Bytes by name; names are relative, with `/` between parts, of letters, digits and `.`, `-`, `_`.

    All of it raises TargetUnavailable (trying again may help) or TargetRefused (it does not). Safe to share between
    threads.
    """

    @property
    def place(self) -> str:
        """What to call it in messages; without credentials."""

    def put(self, name: str, data: bytes) -> None:
        """Keep, over an older object of this name; returns when the object is durably there with these bytes."""

    def get(self, name: str) -> bytes:
        """What was put. Raises NoSuchObject."""

    def list(self, prefix: str = "") -> Iterator[Stored]:
        """Every object whose name begins like this, sorted by name."""

    def delete(self, name: str) -> None:
        """Remove; what is not there is no error."""
