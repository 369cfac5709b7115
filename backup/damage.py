"""What is damaged, and what needs it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from backup.errors import Damaged, NoSuchObject
from backup.manifest import Manifest
from backup.repository import Repository
from backup.writing import chunk_name


@dataclass(frozen=True, slots=True)
class Damage:
    """An object by its name on the target, the collections' ranges that it holds, the snapshots that need it.

    `lists` are the pages that name it.
    """

    object: str
    reason: str
    ranges: tuple[str, ...]
    snapshots: tuple[str, ...]
    lists: tuple[str, ...]

    def __str__(self) -> str:
        needed = f" (in {', '.join(self.ranges)} of {len(self.snapshots)} snapshots)" if self.ranges else ""
        return f"{self.object}: {self.reason}{needed}"


@dataclass(slots=True)
class _Needs:
    ranges: set[str] = field(default_factory=set)
    snapshots: set[str] = field(default_factory=set)
    lists: set[str] = field(default_factory=set)

    def of(self, name: str, reason: str) -> Damage:
        return Damage(
            name, reason, tuple(sorted(self.ranges)), tuple(sorted(self.snapshots)), tuple(sorted(self.lists))
        )


def damages(repository: Repository, manifests: Iterable[Manifest], reasons: Mapping[str, str]) -> tuple[Damage, ...]:
    """For each object's reason, what needs the object. Lists of ranges are read again only if there is any."""
    if not reasons:
        return ()
    needs = {name: _Needs() for name in reasons}
    for manifest in manifests:
        for collection in manifest.collections:
            for page in collection.pages:
                _look(repository, manifest.id, collection.name, page, needs)
    for name in reasons:
        kind, _, snapshot = name.partition("/")
        if kind in ("snapshots", "verified"):
            needs[name].snapshots.add(snapshot.partition("#")[0])
    return tuple(needs[name].of(name, reason) for name, reason in sorted(reasons.items()))


def _look(repository: Repository, snapshot: str, collection: str, page: str, needs: Mapping[str, _Needs]) -> None:
    if (name := chunk_name(page)) in needs:
        needs[name].ranges.add(f"the list of {collection}")
        needs[name].snapshots.add(snapshot)
    with suppress(Damaged, NoSuchObject):  # that of the list itself is noted above
        for each in repository.page(page):
            for chunk in each.chunks:
                if (name := chunk_name(chunk)) in needs:
                    needs[name].ranges.add(f"{collection} {each.key}")
                    needs[name].snapshots.add(snapshot)
                    needs[name].lists.add(page)
