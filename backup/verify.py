"""Reading back: every object, or a sample, is fetched, opened, hashed and counted, and what is wrong is named."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeGuard, TypeVar

import msgpack

from backup import slots
from backup.ahead import ahead
from backup.damage import Damage, damages
from backup.encoding import page_from
from backup.errors import AnotherRepository, Damaged, NewerSchema, NoRepository, NoSuchObject, NoSuchSnapshot, WrongKey
from backup.manifest import Manifest, Range
from backup.repository import Repository, check_same
from backup.writing import chunk_name

Complaints = Callable[[Manifest], Iterable[str]]
"""What the rows of a snapshot say that its other rows and its blobs do not bear out: a line each."""

_T = TypeVar("_T")
_WRONG = (Damaged, NoSuchObject, NoSuchSnapshot, NoRepository, NewerSchema, AnotherRepository, WrongKey)


@dataclass(frozen=True, slots=True)
class Verified:
    """What was read: `objects` of them with `bytes` before compression; `rows` are those of the newest snapshot.

    `newest` is the newest snapshot that can be read; `whole` that everything was read, not a sample.
    """

    newest: str | None
    snapshots: int
    rows: int
    objects: int
    bytes: int
    whole: bool
    damaged: tuple[Damage, ...]


def verify(
    repository: Repository,
    share: float = 1.0,
    seed: int = 0,
    complaints: Complaints | None = None,
    repair: bool = False,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Verified:
    """Read `share` of the ranges, chosen by `seed`, and everything that says what there is.

    All of it, with 1.0, also what no snapshot needs, since a later one may take it for good. `progress` is told how
    many objects are done, and of how many. `repair` condemns damaged chunks and the lists that name them: the next
    snapshot puts their content again where the source still has it. Raises TargetUnavailable, TargetRefused.
    """
    reading = _Reading(repository, share, seed, progress)
    reading.read_names()
    manifests = reading.manifests()
    reading.read_ranges(manifests)
    if share >= 1:
        reading.read_unneeded()
    newest = manifests[-1] if manifests else None
    if newest is not None and complaints is not None:
        for number, line in enumerate(complaints(newest)):
            reading.reasons[f"snapshots/{newest.id}#{number}"] = line
    found = damages(repository, manifests, reading.reasons)
    rows = newest.rows if newest else 0
    if repair:
        # Their lists as well, or a list that is taken over unread would bring them along.
        chunks = [each for each in found if each.object.startswith("chunks/")]
        repository.condemn({name for each in chunks for name in (each.object.rpartition("/")[2], *each.lists)})
    name = newest.id if newest else None
    return Verified(name, len(manifests), rows, reading.objects, reading.bytes, share >= 1, found)


@dataclass(frozen=True, slots=True)
class _Job:
    """A chunk of a range, the `last` of it or not; `listed` where it is a list whose length counts: every
    chunk of rows, and the first of blobs, which names them."""

    chunk: str
    of: Range
    listed: bool
    last: bool


class _Reading:
    """One pass; `reasons` says by name what was wrong with an object."""

    def __init__(self, repository: Repository, share: float, seed: int, progress: Callable[[int, int], None]) -> None:
        self._repository = repository
        self._share = share
        self._seed = seed
        self._progress = progress
        self._seen: set[str] = set()
        self._ranges: set[int] = set()
        self._total = sum(1 for _ in repository.chunks())
        self.reasons: dict[str, str] = {}
        self.objects = 0
        self.bytes = 0

    def read_names(self) -> None:
        """The header, the key slots, and the small notes."""
        repository, target = self._repository, self._repository.target
        self._tried("repository", partial(check_same, target, repository.id))
        for stored in list(target.list(slots.FOLDER)):
            self._tried(stored.name, partial(slots.checked, target, stored.name, repository.secrets))
        for stored in list(target.list("verified/")):
            self._tried(stored.name, partial(repository.verified_at, stored.name.removeprefix("verified/")))
        for stored in list(target.list("condemned/")):
            self._tried(stored.name, partial(repository.mark, stored.name))

    def manifests(self) -> list[Manifest]:
        """Of all snapshots whose manifest can be read."""
        ids = self._repository.ids()
        found = (self._tried(f"snapshots/{each}", partial(self._repository.manifest, each)) for each in ids)
        return [manifest for manifest in found if manifest is not None]

    def read_ranges(self, manifests: Sequence[Manifest]) -> None:
        """Every chosen range once, however many snapshots have it: its chunks, how much and how many they hold."""
        size, count, whole = 0, 0, True
        for job, plain in ahead(self._read, self._jobs(manifests)):
            read = self._counted(plain)
            whole = whole and read
            size, count = size + len(plain or b""), count + (_length(plain or b"") if job.listed else 0)
            if not job.last:
                continue
            if whole and (size, count) != (job.of.size, job.of.count):
                self.reasons[chunk_name(job.chunk)] = (
                    f"a range of {count} in {size} bytes, where there were {job.of.count} in {job.of.size}"
                )
            size, count, whole = 0, 0, True

    def read_unneeded(self) -> None:
        """What no snapshot needs now."""
        left = [chunk for chunk, _ in self._repository.chunks() if chunk not in self._seen]
        for plain in ahead(self._chunk, left):
            self._counted(plain)

    def _jobs(self, manifests: Sequence[Manifest]) -> Iterator[_Job]:
        for manifest in manifests:
            for collection in manifest.collections:
                for each in self._unread(collection.pages):
                    for number, chunk in enumerate(each.chunks, 1):
                        listed = collection.kind == "rows" or number == 1
                        yield _Job(chunk, each, listed, number == len(each.chunks))

    def _unread(self, pages: Iterable[str]) -> Iterator[Range]:
        """The chosen ranges of these pages that were not read yet."""
        for page in pages:
            if page in self._seen:
                continue
            content = self._chunk(page)
            listed = self._tried(chunk_name(page), partial(page_from, content)) if self._counted(content) else None
            for each in listed or ():
                # Two ranges with one hash would leave one unread; with a million of them that is one in 10^7.
                if each.chunks and (known := hash(each)) not in self._ranges and self._chosen(each.chunks[0]):
                    self._ranges.add(known)
                    yield each

    def _chosen(self, chunk: str) -> bool:
        digest = hashlib.sha256(f"{self._seed} {chunk}".encode()).digest()
        return int.from_bytes(digest[:8], "big") < self._share * 2**64

    def _read(self, job: _Job) -> tuple[_Job, bytes | None]:
        return job, self._chunk(job.chunk)

    def _chunk(self, chunk: str) -> bytes | None:
        self._seen.add(chunk)
        return self._tried(chunk_name(chunk), partial(self._repository.get, chunk))

    def _counted(self, plain: bytes | None) -> TypeGuard[bytes]:
        """Whether there is anything; what was read is added up."""
        self.objects += 1
        self.bytes += len(plain or b"")
        self._progress(self.objects, self._total)
        return plain is not None

    def _tried(self, name: str, read: Callable[[], _T]) -> _T | None:
        try:
            return read()
        except _WRONG as error:
            self.reasons[name] = str(error)
            return None


def _length(plain: bytes) -> int:
    """Of the list that these bytes begin; 0 where they begin none."""
    unpacker = msgpack.Unpacker()
    unpacker.feed(plain[:5])
    try:
        return int(unpacker.read_array_header())
    except (ValueError, msgpack.UnpackException):
        return 0
