"""Manifests, pages and moments as bytes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

import msgpack

from backup.errors import Damaged, NewerSchema
from backup.manifest import Collection, Manifest, Range, Source

VERSION = 1
_STAMP = "%Y%m%dT%H%M%S.%fZ"
_ID = re.compile(r"[0-9]{8}T[0-9]{6}\.[0-9]{6}Z-[0-9a-f]{8}", re.ASCII)


def is_snapshot_id(text: str) -> bool:
    """Whether `snapshot_id` could have made it."""
    return _ID.fullmatch(text) is not None


def snapshot_id(moment: datetime, random: str, newest: str | None) -> str:
    """Of a snapshot of this moment (UTC), with 8 random hexadecimal digits; it sorts behind `newest`.

    A clock that was set back must not put a new snapshot before the older ones.
    """
    if newest is not None and stamp(moment) <= newest.partition("-")[0]:
        moment = time_of(newest) + timedelta(microseconds=1)
    return f"{stamp(moment)}-{random}"


def stamp(moment: datetime) -> str:
    """`20261128T173500.123456Z`, which sorts by time."""
    return moment.astimezone(UTC).strftime(_STAMP)


def time_of(snapshot: str) -> datetime:
    """The moment (UTC) in a snapshot's id."""
    return datetime.strptime(snapshot.partition("-")[0], _STAMP).replace(tzinfo=UTC)


def manifest_bytes(manifest: Manifest) -> bytes:
    """JSON."""
    content = {"version": VERSION, **asdict(manifest), "taken_at": manifest.taken_at.astimezone(UTC).isoformat()}
    return json.dumps(content, separators=(",", ":")).encode()


def manifest_from(data: bytes) -> Manifest:
    """Raises NewerSchema, and Damaged for what `manifest_bytes` has not made."""
    content = json.loads(data)
    if content.pop("version") > VERSION:
        raise NewerSchema(f"snapshot {content.get('id')} was taken by a newer doorbell: install that one")
    try:
        return Manifest(
            **{
                **content,
                "taken_at": datetime.fromisoformat(content["taken_at"]),
                "source": Source(**content["source"]),
                "collections": tuple(_collection(each) for each in content["collections"]),
            }
        )
    except (KeyError, TypeError, ValueError) as error:
        raise Damaged(f"a manifest lacks something, or has too much: {error}") from error


def _collection(content: dict[str, Any]) -> Collection:
    lists = {name: tuple(content[name]) for name in ("columns", "pages")}
    return Collection(**{**content, **lists})


def page_bytes(ranges: Iterable[Range]) -> bytes:
    """msgpack: for each range its key, count, size and chunks."""
    packed: bytes = msgpack.packb([[each.key, each.count, each.size, list(each.chunks)] for each in ranges])
    return packed


def page_from(data: bytes) -> list[Range]:
    """Raises Damaged for what `page_bytes` has not made."""
    try:
        rows = msgpack.unpackb(data)
        return [Range(key, count, size, tuple(chunks)) for key, count, size, chunks in rows]
    except (ValueError, TypeError, msgpack.UnpackException) as error:
        raise Damaged(f"a page of ranges is none: {error}") from error
