"""Blobs into a new folder, or into a place that is no folder: there missing ones are put and none is deleted."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

from backup.errors import Damaged
from backup.failpoints import reached
from backup.manifest import Collection
from backup.packing import Entry, blobs_in
from backup.repository import Repository
from backup.targets.names import check_name
from backup.targets.target import Target

Wanted = Callable[[str], bool]


class Into(Protocol):
    """Takes a blob; its parts must be taken, also where it is there already."""

    def put(self, name: str, parts: Iterator[bytes]) -> None: ...


class NewFolder:
    """Files that nobody knows yet, so they are synced at the end, all at once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def put(self, name: str, parts: Iterator[bytes]) -> None:
        path = self._folder / check_name(name)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            for part in parts:
                file.write(part)


class Present:
    """What is at the place already, with the same size, stays."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._there = {stored.name: stored.size for stored in target.list()}

    def put(self, name: str, parts: Iterator[bytes]) -> None:
        content = b"".join(parts)
        if self._there.get(name) != len(content):
            self._target.put(name, content)


def load_blobs(
    collection: Collection, repository: Repository, into: Into, wanted: Wanted, told: Callable[[int], None]
) -> set[str]:
    """The names of what was put. Raises Damaged."""
    names, count = set(), 0
    for each in repository.ranges(collection):
        for entry, parts in blobs_in(iter(repository.get_many(each.chunks))):
            count += 1
            if wanted(entry.name):
                into.put(entry.name, parts)
                names.add(entry.name)
            else:
                _pass_over(entry, parts)
        told(each.size)
        reached("restore.after_blobs")
    if count != collection.count:
        raise Damaged(f"{collection.name} has {count} blobs instead of {collection.count}")
    return names


def _pass_over(entry: Entry, parts: Iterator[bytes]) -> None:
    if sum(map(len, parts)) != entry.size:
        raise Damaged(f"{entry.name} has not its {entry.size} bytes")
