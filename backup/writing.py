"""One snapshot's way into the repository: chunks go up in the background while the source is read."""

from __future__ import annotations

import secrets
import time
from collections import deque
from collections.abc import Collection, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock, RLock
from types import TracebackType

from backup.errors import Busy, Damaged
from backup.failpoints import reached
from backup.sealing import MOST_PLAIN, Sealer
from backup.targets.target import Target

THREADS = 4
WAITING = 8
"""Chunks in memory, those on their way included: 32 MB, and once more sealed."""
MOST_SECONDS = 45 * 60
"""From the beginning to the commit. Prune deletes nothing within an hour of condemning it, so a chunk that was there
at the beginning is still there at the commit; the rest of the hour is for the commit's own tries."""


def chunk_name(chunk_id: str) -> str:
    """Of its object on the target."""
    return f"chunks/{chunk_id[:2]}/{chunk_id}"


def content_of(chunk_id: str) -> str:
    """The keyed hash in a chunk's id."""
    return chunk_id.partition("-")[0]


def seconds_up() -> float:
    """Since the machine's start, those included in which it slept."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Writing:
    """Safe to share between threads. `known` maps content to the chunk that has it; new ones are added to it.

    Content whose chunk prune has condemned goes up under another name: a name that is about to be deleted is never
    used again, so a snapshot and a prune need no lock between them.
    """

    def __init__(self, target: Target, sealer: Sealer, known: dict[str, str], condemned: Collection[str]) -> None:
        self._target = target
        self._sealer = sealer
        self._known = known
        self._condemned = condemned
        self._there = set(known.values())
        self._new: dict[str, str] = {}
        self._began = seconds_up()
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="upload")
        self._uploads: deque[Future[None]] = deque()
        self._turn, self._counts = RLock(), Lock()
        self.uploaded = 0
        self.objects = 0
        self.skipped = 0

    def put(self, plain: bytes) -> str:
        """The id of the chunk that has this content, which may still be on its way. At the most 4 MiB.

        Raises what an earlier upload ended with; waits while eight are on their way.
        """
        if len(plain) > MOST_PLAIN:
            raise ValueError(f"a chunk of {len(plain)} bytes; {MOST_PLAIN} are the most")
        content = self._sealer.content_hash(plain)
        with self._turn:
            there = self._known.get(content) or self._new.get(content)
            if there is not None:
                self.skipped += 1
                return there
            chunk_id = self._new[content] = self._name(content)
            while len(self._uploads) >= WAITING:
                self._uploads.popleft().result()
            self._uploads.append(self._threads.submit(self._upload, chunk_id, plain))
        return chunk_id

    def has(self, chunk_ids: Iterable[str]) -> bool:
        """Whether all of these may be taken over from an older snapshot. If not, read the range anew."""
        with self._turn:
            return all(each in self._there or self._new.get(content_of(each)) == each for each in chunk_ids)

    def taken(self, chunk_ids: Collection[str]) -> None:
        """Say that the new snapshot has these. Raises Damaged when the repository lacks one."""
        for each in chunk_ids:
            if not self.has([each]):
                raise Damaged(
                    f"{chunk_name(each)} is gone, and an older snapshot needs it; run: doorbell backup verify"
                )
        self.skipped += len(chunk_ids)

    def finish(self) -> None:
        """Wait for all uploads. Raises what the first of them that failed ended with."""
        with self._turn:
            try:
                while self._uploads:
                    self._uploads.popleft().result()
            finally:
                self._threads.shutdown(cancel_futures=True)

    def check_in_time(self) -> None:
        """Raises Busy when prune may have deleted what this snapshot took for there."""
        if seconds_up() - self._began > MOST_SECONDS:
            raise Busy(
                f"the snapshot took longer than {MOST_SECONDS // 60} minutes, so it does not count; take it again: what"
                " is uploaded stays"
            )

    def __enter__(self) -> Writing:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if kind is None:
            self.finish()
        else:
            self._threads.shutdown(cancel_futures=True)

    def _name(self, content: str) -> str:
        return content if content not in self._condemned else f"{content}-{secrets.token_hex(4)}"

    def _upload(self, chunk_id: str, plain: bytes) -> None:
        sealed = self._sealer.seal("chunk", chunk_id, plain)
        reached("upload.before_put")
        self._target.put(chunk_name(chunk_id), sealed)
        reached("upload.after_put")
        with self._counts:
            self.uploaded += len(sealed)
            self.objects += 1
        self._known[content_of(chunk_id)] = chunk_id
