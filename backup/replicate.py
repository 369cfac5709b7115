"""A second place with the same snapshots, such as another region.

Objects are copied as they are sealed, chunks before the manifest that needs them, the newest snapshot first. Each is
opened on the way: what is damaged here is not brought there. Nothing is ever removed there but key slots that are no
more: whoever deletes snapshots here deletes none there. That place is pruned by itself, with a key of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from backup import slots
from backup.ahead import ahead
from backup.encoding import is_snapshot_id, time_of
from backup.errors import Busy, Damaged, NoRepository, NoSuchObject, TargetRefused
from backup.failpoints import reached
from backup.holds import held, others
from backup.manifest import Manifest
from backup.references import References
from backup.repository import Repository, check_same
from backup.retention import Policy, keep
from backup.targets.target import Target
from backup.writing import chunk_name

TRIES = 5
"""Of a copy of the keyring, which others may write at the same moment."""


@dataclass(frozen=True, slots=True)
class Replicated:
    """Snapshots that were copied, the newest first; `damaged` ones that were not, each with the reason.

    `lag_seconds`: for how long the other place has not had everything, 0 when it has.
    """

    snapshots: tuple[str, ...]
    objects: int
    bytes: int
    lag_seconds: float
    damaged: tuple[str, ...]


def replicate(
    repository: Repository,
    to: Target,
    now: datetime,
    policy: Policy | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Replicated:
    """Copy what the other place lacks; with a `policy`, only the snapshots that it would keep.

    Raises AnotherRepository when that place holds another one, Busy while it is pruned.
    """
    _check_same(repository, to)
    with repository.reading(""), held(to, "replicate") as mine:
        if any(each.purpose == "prune" for each in others(to, mine)[0]):
            raise Busy(f"{to.place} is being pruned; replicate again when that has ended")
        copy = _Copy(repository, to)
        copy.keys()
        missing = _missing(repository, to, policy, now)
        for done, snapshot in enumerate(missing):
            progress(done, len(missing))
            copy.snapshot(snapshot)
    lag = lag_seconds(repository, to, now)
    return Replicated(tuple(copy.snapshots), copy.objects, copy.bytes, lag, tuple(copy.damaged))


def lag_seconds(repository: Repository, to: Target, now: datetime) -> float:
    """Since the oldest snapshot that is newer than all that the other place has."""
    there = _ids(to)
    newer = [each for each in repository.ids() if not there or each > there[-1]]
    return max(0.0, (now - time_of(newer[0])).total_seconds()) if newer else 0.0


def replicate_keyring(repository_id: str, keyring: Target, to: Target) -> bool:
    """Copy the one object of the keyring over the older copy; whether it was another one. Raises NoSuchObject.

    Again when the first one was written meanwhile: whoever was erased must not come back to the second. Raises
    TargetRefused when the second does not keep it.
    """
    name = f"keyring/{repository_id}"
    for tries in range(TRIES + 1):
        data = keyring.get(name)
        if _there(to, name) == data:
            return tries > 0
        if tries < TRIES:
            to.put(name, data)
    raise TargetRefused(f"{to.place} did not keep {name}, {TRIES} times")


class _Copy:
    """What was copied so far."""

    def __init__(self, repository: Repository, to: Target) -> None:
        self._repository = repository
        self._to = to
        self._references = References(repository)
        self._there = {stored.name: stored.size for stored in to.list("chunks/")}
        self._sizes = {chunk: stored.size for chunk, stored in repository.chunks()}
        self.snapshots: list[str] = []
        self.damaged: list[str] = []
        self.objects = 0
        self.bytes = 0

    def keys(self) -> None:
        """The other place opens with the same keys; a key that was removed here opens nothing there."""
        here = {name: self._repository.target.get(name) for name in _names(self._repository.target, slots.FOLDER)}
        there = _names(self._to, slots.FOLDER)
        for name, data in here.items():
            if name not in there or self._to.get(name) != data:
                self._to.put(name, data)
        for name in there - here.keys():
            self._to.delete(name)
        if not _names(self._to, "repository"):
            self._to.put("repository", self._repository.target.get("repository"))

    def snapshot(self, snapshot: str) -> None:
        """Its chunks, then its manifest; or why not, when something of it is damaged."""
        try:
            manifest = self._repository.manifest(snapshot)
            for size in ahead(self._chunk, self._lacking(manifest)):
                self._count(size)
        except (Damaged, NoSuchObject) as error:
            self.damaged.append(f"{snapshot}: {error}")
            return
        data = self._repository.target.get(f"snapshots/{snapshot}")
        reached("replicate.before_manifest")
        self._to.put(f"snapshots/{snapshot}", data)
        reached("replicate.after_manifest")
        self._count(len(data))
        self.snapshots.append(snapshot)

    def _lacking(self, manifest: Manifest) -> Sequence[str]:
        """Also what is of another size there: it was cut."""
        needed = sorted(self._references.marked([manifest]))
        return [each for each in needed if self._there.get(chunk_name(each)) != self._sizes.get(each, -1)]

    def _chunk(self, chunk: str) -> int:
        name = chunk_name(chunk)
        data = self._repository.target.get(name)
        self._repository.checked(chunk, data)
        self._to.put(name, data)
        reached("replicate.after_chunk")
        self._there[name] = len(data)
        return len(data)

    def _count(self, size: int) -> None:
        self.objects += 1
        self.bytes += size


def _check_same(repository: Repository, to: Target) -> None:
    with suppress(NoRepository):
        check_same(to, repository.id)


def _there(to: Target, name: str) -> bytes | None:
    try:
        return to.get(name)
    except NoSuchObject:
        return None


def _names(target: Target, prefix: str) -> set[str]:
    return {stored.name for stored in target.list(prefix)}


def _ids(to: Target) -> list[str]:
    names = (name.removeprefix("snapshots/") for name in _names(to, "snapshots/"))
    return sorted(name for name in names if is_snapshot_id(name))


def _missing(repository: Repository, to: Target, policy: Policy | None, now: datetime) -> list[str]:
    """The newest first."""
    here, there = repository.ids(), set(_ids(to))
    kept = set(here) if policy is None else keep({each: time_of(each) for each in there.union(here)}, policy, (), now)
    return [each for each in reversed(here) if each in kept and each not in there]
