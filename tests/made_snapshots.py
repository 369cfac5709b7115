"""Small repositories for tests: snapshots of made-up tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgpack

from backup.manifest import Collection, Manifest, Range, Source
from backup.passphrase import Passphrase
from backup.repository import Repository
from backup.writing import Writing

NOW = datetime(2026, 11, 28, 17, 35, tzinfo=UTC)
SOURCE = Source("a" * 32, "sqlite", "0008", "1")
Tables = Mapping[str, Mapping[str, Sequence[Sequence[str]]]]
"""Rows by table and by the key of their range."""


class Clock:
    """A target's clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now

    def pass_by(self, **time: float) -> datetime:
        self.now += timedelta(**time)
        return self.now


def passphrase_in(file: Path, text: str = "correct horse battery") -> Passphrase:
    file.write_text(text + "\n")
    file.chmod(0o600)
    return Passphrase(file)


def take(repository: Repository, tables: Tables, now: datetime = NOW, begun: Writing | None = None) -> Manifest:
    """A snapshot of these rows, one chunk a range; by a writer that was `begun` earlier, where one is given."""
    with begun or repository.writing() as writing:
        collections = tuple(_collection(repository, writing, name, ranges) for name, ranges in tables.items())
        manifest = Manifest(repository.new_id(now), repository.id, now, SOURCE, collections, None, "test")
    repository.commit(manifest, writing)
    return manifest


def rows_of(repository: Repository, manifest: Manifest) -> dict[str, dict[str, list[list[str]]]]:
    """What was given to `take`, read back."""
    return {
        collection.name: {
            each.key: msgpack.unpackb(b"".join(repository.get_many(each.chunks)))
            for each in repository.ranges(collection)
        }
        for collection in manifest.collections
    }


def _collection(
    repository: Repository, writing: Writing, name: str, ranges: Mapping[str, Sequence[Sequence[str]]]
) -> Collection:
    made = []
    for key, rows in ranges.items():
        plain = msgpack.packb(rows)
        made.append(Range(key, len(rows), len(plain), (writing.put(plain),)))
    count, size = sum(each.count for each in made), sum(each.size for each in made)
    return Collection(name, "rows", ("id", "text"), count, size, (repository.put_page(writing, made),))
