"""A repository: snapshots of one system on one target, sealed, each chunk of content there once.

repository           its id, in clear
keys/<slot>          its secrets, wrapped for one key (slots.py)
chunks/<2>/<id>      content (sealing.py)
snapshots/<id>       a manifest, put last: with it the snapshot exists
verified/<id>        that the snapshot was read back or restored, and when
condemned/, holds/   what prune is about to delete, and who reads
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime

from backup import slots
from backup.ahead import ahead
from backup.chunks import Chunks
from backup.encoding import (
    is_snapshot_id,
    manifest_bytes,
    manifest_from,
    page_bytes,
    snapshot_id,
    stamp,
    time_of,
)
from backup.errors import AnotherRepository, Busy, Damaged, NewerSchema, NoRepository, NoSuchObject, NoSuchSnapshot
from backup.failpoints import reached
from backup.holds import held
from backup.keys import KeyProvider
from backup.manifest import Collection, Manifest, Range
from backup.targets.target import Target
from backup.writing import MOST_SECONDS, Writing, content_of, seconds_up

VERSION = 1


class Repository(Chunks):
    """Opened with one of its keys. Safe to share between threads, and to keep open for as long as a process lives."""

    def __init__(self, target: Target, repository_id: str, providers: tuple[KeyProvider, ...]) -> None:
        super().__init__(target, repository_id, providers)
        self._known: dict[str, str] = {}
        self._known_at: float | None = None

    @staticmethod
    def create(target: Target, provider: KeyProvider, now: datetime) -> Repository:
        """Raises Busy where one is already. What a killed one has left is removed."""
        if any(next(iter(target.list(kept)), None) for kept in ("repository", "snapshots/")):
            raise Busy(f"{target.place} holds a repository already; use it, or give another place")
        for left in list(target.list(slots.FOLDER)):
            target.delete(left.name)
        repository_id = os.urandom(16).hex()
        slots.add(target, slots.new_secrets(repository_id), provider, now)
        target.put("repository", _header(repository_id))
        return Repository(target, repository_id, (provider,))

    @staticmethod
    def open(target: Target, *providers: KeyProvider) -> Repository:
        """With any of these keys. Raises NoRepository, WrongKey, Damaged."""
        return Repository(target, id_at(target), providers)

    def writing(self) -> Writing:
        """To be left before `commit`. The repository is listed once, and again after a time without a snapshot.

        What is condemned is asked first: what is deleted between the two listings is then in neither.
        """
        self.refresh()
        began = seconds_up()
        condemned = frozenset().union(*self.condemned().values())
        if self._known_at is None or began - self._known_at > MOST_SECONDS:
            self._known = {content_of(each): each for each, _ in self.chunks() if each not in condemned}
        for each in condemned:
            if self._known.get(content_of(each)) == each:
                del self._known[content_of(each)]
        self._known_at = began
        return Writing(self.target, self._sealer, self._known, condemned)

    def commit(self, manifest: Manifest, writing: Writing) -> None:
        """From now on the snapshot exists. Raises what an upload ended with, and Busy when it took too long."""
        writing.finish()
        data = self.sealed("snapshot", manifest.id, manifest_bytes(manifest))
        writing.check_in_time()
        reached("commit.before_put")
        self.target.put(f"snapshots/{manifest.id}", data)
        reached("commit.after_put")

    def new_id(self, now: datetime) -> str:
        """For a snapshot of now; sorts behind every other, also when the clock was set back."""
        return snapshot_id(now, os.urandom(4).hex(), next(reversed(self.ids()), None))

    def ids(self) -> list[str]:
        """Of all snapshots, the oldest first."""
        names = (stored.name.removeprefix("snapshots/") for stored in self.target.list("snapshots/"))
        return [name for name in names if is_snapshot_id(name)]

    def manifest(self, snapshot: str) -> Manifest:
        """Raises NoSuchSnapshot, Damaged, NewerSchema."""
        try:
            data = self.target.get(f"snapshots/{snapshot}")
        except NoSuchObject:
            raise NoSuchSnapshot(f"{self.target.place} has no snapshot {snapshot}; see: doorbell backup list") from None
        return manifest_from(self.opened("snapshot", snapshot, data))

    def latest(self, at: datetime | None = None) -> Manifest:
        """The newest snapshot, or the newest that is not from after `at`. Raises NoSuchSnapshot."""
        ids = self.ids()
        if not ids:
            raise NoSuchSnapshot(f"{self.target.place} has no snapshot yet; take one: doorbell backup snapshot")
        if at is None:
            return self.manifest(ids[-1])
        early = [each for each in ids if time_of(each) <= at]
        for later in ahead(self._readable, reversed(ids[len(early) :])):  # a clock that was ahead has dated them so
            if later is not None and later.taken_at <= at:
                return later
        if early:
            return self.manifest(early[-1])
        raise NoSuchSnapshot(f"no snapshot is from before {stamp(at)}; the oldest is {ids[0]}")

    def _readable(self, snapshot: str) -> Manifest | None:
        try:
            return self.manifest(snapshot)
        except (Damaged, NewerSchema, NoSuchSnapshot):
            return None

    def put_page(self, writing: Writing, ranges: Iterable[Range]) -> str:
        return writing.put(page_bytes(ranges))

    def ranges(self, collection: Collection) -> Iterator[Range]:
        """One page in memory after the other."""
        for page in collection.pages:
            yield from self.page(page)

    def reading(self, snapshot: str) -> AbstractContextManager[str]:
        """Inside it, prune leaves the snapshot and its chunks alone."""
        return held(self.target, "read", snapshot)

    def verified(self, snapshot: str, now: datetime) -> None:
        """Note that this snapshot was read back whole, or restored."""
        data = self.sealed("verified", snapshot, json.dumps({"at": now.astimezone(UTC).isoformat()}).encode())
        self.target.put(f"verified/{snapshot}", data)

    def verified_ids(self) -> dict[str, datetime]:
        """When each snapshot was, of those that are still there. Raises Damaged."""
        ids = set(self.ids())
        names = [stored.name.removeprefix("verified/") for stored in self.target.list("verified/")]
        return {name: self.verified_at(name) for name in names if name in ids}

    def verified_at(self, snapshot: str) -> datetime:
        """Raises Damaged."""
        data = self.opened("verified", snapshot, self.target.get(f"verified/{snapshot}"))
        return datetime.fromisoformat(json.loads(data)["at"])


def _header(repository_id: str) -> bytes:
    return json.dumps({"version": VERSION, "id": repository_id}).encode()


def check_same(target: Target, repository_id: str) -> None:
    """Raises AnotherRepository, NoRepository, Damaged."""
    if id_at(target) != repository_id:
        raise AnotherRepository(f"{target.place} holds another repository, or its object 'repository' is damaged")


def id_at(target: Target) -> str:
    """The id of the repository that is there. Raises NoRepository, Damaged."""
    try:
        data = target.get("repository")
    except NoSuchObject:
        raise NoRepository(f"{target.place} holds no repository; make one: doorbell backup init") from None
    try:
        repository_id = str(json.loads(data)["id"])
    except (ValueError, TypeError, KeyError):
        repository_id = ""
    if data != _header(repository_id):
        raise Damaged(f"{target.place}/repository is damaged, or of a newer doorbell")
    return repository_id
