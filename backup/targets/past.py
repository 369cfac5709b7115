"""A bucket with versions as it was: what is read after somebody with a key has overwritten or deleted objects."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, NoReturn

from backup.errors import NoSuchObject, TargetRefused
from backup.targets.names import check_name, is_name
from backup.targets.s3_errors import translated
from backup.targets.target import Stored


class PastTarget:
    """Of each object the newest version that is not from after `at` (UTC); to be read only."""

    def __init__(self, client: Any, bucket: str, prefix: str, at: datetime) -> None:
        self._client = client
        self._bucket = bucket
        self._prefix = f"{prefix}/" if prefix else ""
        self._at = at

    @property
    def place(self) -> str:
        return f"s3://{self._bucket}/{self._prefix}".rstrip("/") + f" at {self._at:%Y-%m-%dT%H:%M:%SZ}"

    def put(self, name: str, data: bytes) -> NoReturn:
        raise TargetRefused(f"{self.place}: the past cannot be written")

    def delete(self, name: str) -> NoReturn:
        raise TargetRefused(f"{self.place}: the past cannot be written")

    def get(self, name: str) -> bytes:
        found = next((each for each in self._versions(check_name(name)) if each[0].name == name), None)
        if found is None:
            raise NoSuchObject(f"{self.place} has no {name}")
        key = {"Bucket": self._bucket, "Key": self._prefix + name}
        with translated(f"{self.place}/{name}"):
            data: bytes = self._client.get_object(**key, VersionId=found[1], ChecksumMode="ENABLED")["Body"].read()
        return data

    def list(self, prefix: str = "") -> Iterator[Stored]:
        return (stored for stored, _ in self._versions(prefix))

    def _versions(self, prefix: str) -> Iterator[tuple[Stored, str]]:
        """What was there at that moment, with its version, sorted by name."""
        newest: dict[str, dict[str, Any]] = {}
        pages = self._client.get_paginator("list_object_versions")
        with translated(f"{self.place}/{prefix}"):
            for page in pages.paginate(Bucket=self._bucket, Prefix=self._prefix + prefix):
                for each in (*page.get("Versions", ()), *page.get("DeleteMarkers", ())):
                    if each["LastModified"] <= self._at and _later(each, newest.get(each["Key"])):
                        newest[each["Key"]] = each
        for key, version in sorted(newest.items()):
            name = key.removeprefix(self._prefix)
            if "Size" in version and is_name(name):  # what has none marks a deletion
                yield Stored(name, version["Size"], version["LastModified"]), version["VersionId"]


def _later(version: dict[str, Any], other: dict[str, Any] | None) -> bool:
    """S3 lists the newest version of a name first, so of two with one time the first is the later one."""
    return other is None or version["LastModified"] > other["LastModified"]
