"""Blobs of a place as ranges: small ones by the first characters of their names, a large one for itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

from backup.ahead import ahead
from backup.errors import NoSuchObject
from backup.manifest import Collection, Range
from backup.packing import Entry, cut, pack_index
from backup.places import BlobPlace
from backup.ranges import in_order, in_pages
from backup.repository import Repository
from backup.tables import PREFIX
from backup.targets.target import Stored
from backup.writing import Writing

SMALL = 1 << 20
"""Bytes up to which a blob shares a range with others."""

FILES = "files"


@dataclass
class Blobs:
    """What was taken of a place, and the names of all blobs in it."""

    ranges: list[Range] = field(default_factory=list)
    names: set[str] = field(default_factory=set)


def take_blobs(place: BlobPlace, before: Mapping[str, Range], writing: Writing) -> Blobs:
    """Ranges as they are now; those of `before` that list the same blobs of the same age are taken over unread."""
    taken = Blobs()
    for key, stored in grouped(place.target.list()):
        old, entries = before.get(key), list(map(_entry, stored))
        if old is not None and writing.put(pack_index(entries)) == old.chunks[0] and writing.has(old.chunks):
            taken.ranges.append(old)
        else:
            entries, fresh = _read(place, key, entries, writing)
            taken.ranges += [fresh] if entries else []
        taken.names |= {entry.name for entry in entries}
    return taken


def take_files(files: Mapping[str, Path], writing: Writing) -> list[Range]:
    """Small files that may be absent, in one range."""
    found = {name: path.read_bytes() for name, path in sorted(files.items()) if path.is_file()}
    if not found:
        return []
    index = [Entry(name, len(content), 0) for name, content in found.items()]
    return [_range("", index, writing, cut(found.values()))]


def collection_of(name: str, ranges: Iterable[Range], repository: Repository, writing: Writing) -> Collection:
    """With its pages written."""
    ordered = in_order(ranges)
    pages = tuple(repository.put_page(writing, page) for page in in_pages(ordered))
    count, size = sum(each.count for each in ordered), sum(each.size for each in ordered)
    return Collection(name, "blobs", (), count, size, pages)


def grouped(stored: Iterable[Stored]) -> Iterator[tuple[str, list[Stored]]]:
    """Blobs that come sorted by name, a range at a time with its key."""
    for prefix, those in groupby(stored, lambda each: each.name[:PREFIX]):
        small = []
        for each in those:
            if each.size > SMALL:
                yield each.name, [each]
            else:
                small.append(each)
        if small:
            yield prefix, small


def _read(place: BlobPlace, key: str, entries: list[Entry], writing: Writing) -> tuple[list[Entry], Range]:
    """What is there still, and its range."""
    found: list[Entry] = []

    def content() -> Iterator[bytes]:
        for entry, data in zip(entries, ahead(lambda each: _content(place, each.name), entries), strict=True):
            if data is not None:
                found.append(Entry(entry.name, len(data), entry.modified))
                yield data

    chunks = tuple(map(writing.put, cut(content())))
    return found, _indexed(key, found, writing, chunks)


def _content(place: BlobPlace, name: str) -> bytes | None:
    try:
        return place.target.get(name)
    except NoSuchObject:
        return None  # it was removed after it was listed


def _range(key: str, entries: list[Entry], writing: Writing, content: Iterable[bytes]) -> Range:
    return _indexed(key, entries, writing, tuple(map(writing.put, content)))


def _indexed(key: str, entries: list[Entry], writing: Writing, chunks: tuple[str, ...]) -> Range:
    index = pack_index(entries)
    size = len(index) + sum(entry.size for entry in entries)
    return Range(key, len(entries), size, (writing.put(index), *chunks))


def _entry(stored: Stored) -> Entry:
    return Entry(stored.name, stored.size, int(stored.modified.timestamp() * 1_000_000))
