"""What waits, as the memory knows it: by arrival and by rank. No clock, no disk; any thread may call anything."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from threading import Condition

from edge.spool.entry import Entry
from edge.spool.eviction import RANKS, expired, rank, victims


class Waiting:
    """Entries in order of arrival; each operation but the copy of all is as quick with ten thousand as with one."""

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        self.bytes = 0
        self._by_number: dict[int, Entry] = {}
        self._by_rank: list[dict[int, Entry]] = [{} for _ in range(RANKS)]
        self._changed = Condition()
        for entry in entries:
            self.add(entry)

    def __len__(self) -> int:
        return len(self._by_number)

    def add(self, entry: Entry) -> None:
        """Add a frame that came after all others."""
        with self._changed:
            self._by_number[entry.number] = self._by_rank[rank(entry.face, entry.trigger)][entry.number] = entry
            self.bytes += entry.size
            self._changed.notify_all()

    def remove(self, entry: Entry) -> bool:
        """Return whether it was there; of several threads that remove it, one learns that it was."""
        with self._changed:
            if self._by_number.pop(entry.number, None) is None:
                return False
            del self._by_rank[rank(entry.face, entry.trigger)][entry.number]
            self.bytes -= entry.size
            self._changed.notify_all()
        return True

    def all(self) -> list[Entry]:
        """Return a copy, in order of arrival."""
        with self._changed:
            return list(self._by_number.values())

    def oldest(self) -> Entry | None:
        """Return what arrived first."""
        with self._changed:
            return next(iter(self._by_number.values()), None)

    def expired(self, age_s: Callable[[Entry], float], max_age_s: float | None) -> list[Entry]:
        """Return what has waited longer than that, in seconds."""
        with self._changed:
            return expired(self._by_number.values(), age_s, max_age_s)

    def victims(self, newcomer: int, frames: int, size: int) -> list[Entry] | None:
        """Return what goes for a newcomer of this rank, worth so many frames and bytes; None where it may not."""
        with self._changed:
            return victims([queue.values() for queue in self._by_rank], newcomer, frames, size)

    def wait_until(self, condition: Callable[[], bool]) -> None:
        """Block until the condition holds; it is asked again after every change and every `wake`."""
        with self._changed:
            self._changed.wait_for(condition)

    def wake(self) -> None:
        """Have every waiting thread ask its condition again."""
        with self._changed:
            self._changed.notify_all()
