"""A place in memory, for tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from backup.errors import NoSuchObject
from backup.targets.names import check_name
from backup.targets.target import Stored


def _now() -> datetime:
    return datetime.now(UTC)


class MemoryTarget:
    """Keeps the promises of the others, except that it ends with the process. `clock` is the target's own."""

    place = "memory"

    def __init__(self, clock: Callable[[], datetime] = _now) -> None:
        self._clock = clock
        self._objects: dict[str, tuple[bytes, datetime]] = {}

    def put(self, name: str, data: bytes) -> None:
        self._objects[check_name(name)] = (bytes(data), self._clock())

    def get(self, name: str) -> bytes:
        try:
            return self._objects[check_name(name)][0]
        except KeyError:
            raise NoSuchObject(f"{self.place} has no {name}") from None

    def list(self, prefix: str = "") -> Iterator[Stored]:
        for name, (data, modified) in sorted(self._objects.copy().items()):
            if name.startswith(prefix):
                yield Stored(name, len(data), modified)

    def delete(self, name: str) -> None:
        self._objects.pop(check_name(name), None)
