"""A target that is asked again when it does not answer."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from backup.errors import TargetFull, TargetUnavailable
from backup.targets.target import Stored, Target

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Patience:
    """How often something is tried, and the longest wait in seconds before the second try; it doubles up to `longest`.

    The wait is a random part of it ("full jitter", AWS Architecture Blog, 2015-03-04), so that many do not come again
    at once.
    """

    attempts: int = 5
    first: float = 0.5
    longest: float = 8.0

    def wait(self, tries: int, chance: float) -> float:
        """Seconds after this many tries; `chance` between 0 and 1."""
        return chance * min(self.longest, self.first * 2.0 ** (tries - 1))


class RetryingTarget:
    """Passes on the last TargetUnavailable when patience ends; a full place is not asked again."""

    def __init__(
        self, target: Target, patience: Patience = Patience(), sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._target = target
        self._patience = patience
        self._sleep = sleep

    @property
    def place(self) -> str:
        return self._target.place

    def put(self, name: str, data: bytes) -> None:
        self._tried(lambda: self._target.put(name, data))

    def get(self, name: str) -> bytes:
        return self._tried(lambda: self._target.get(name))

    def delete(self, name: str) -> None:
        self._tried(lambda: self._target.delete(name))

    def list(self, prefix: str = "") -> Iterator[Stored]:
        """A listing that breaks off is begun again, and goes on behind the last name that was given."""
        last, tries = "", 0
        while True:
            try:
                for stored in self._target.list(prefix):
                    if stored.name > last:
                        yield stored
                        last, tries = stored.name, 0
                return
            except TargetUnavailable as error:
                tries += 1
                self._wait(tries, error)

    def _tried(self, act: Callable[[], _T]) -> _T:
        tries = 0
        while True:
            try:
                return act()
            except TargetUnavailable as error:
                tries += 1
                self._wait(tries, error)

    def _wait(self, tries: int, error: TargetUnavailable) -> None:
        if isinstance(error, TargetFull) or tries >= self._patience.attempts:
            raise error
        self._sleep(self._patience.wait(tries, random.random()))  # noqa: S311 - jitter needs no secrecy
