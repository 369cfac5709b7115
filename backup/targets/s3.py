"""A bucket as a target.

A put is believed only when the bucket, asked again, has an object of this size and sha256. Where the bucket has
versions or a default lock these apply by themselves: an object that is put again, or deleted, leaves its older version.
"""

from __future__ import annotations

import base64
import builtins
import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from backup.errors import TargetRefused, TargetUnavailable
from backup.targets.names import check_name, is_name
from backup.targets.s3_errors import is_absent, translated
from backup.targets.target import Stored

PART_BYTES = 8 * 2**20
"""What is larger goes up in parts of this size, four at a time; S3 takes none under 5 MiB but the last."""

LOOKS = 20
"""For older versions, before it is given up to have removed them."""


def bucket_client(profile: str | None = None) -> Any:
    """Region, endpoint and credentials come from where boto3 looks for them, or from a profile of its files.

    It does not try again by itself: that is RetryingTarget's. Raises TargetRefused.
    """
    patience = Config(
        connect_timeout=5,
        read_timeout=30,
        retries={"total_max_attempts": 1, "mode": "standard"},
        max_pool_connections=16,
    )
    with translated("s3"):
        return boto3.Session(profile_name=profile).client("s3", config=patience)


class S3Target:
    """Objects below `prefix`. With `latest_only`, no older version of an object stays."""

    def __init__(self, client: Any, bucket: str, prefix: str = "", *, latest_only: bool = False) -> None:
        self._client = client
        self._bucket = bucket
        self._prefix = f"{prefix}/" if prefix else ""
        self._latest_only = latest_only

    @property
    def place(self) -> str:
        return f"s3://{self._bucket}/{self._prefix}".rstrip("/")

    def put(self, name: str, data: bytes) -> None:
        key = self._key(name)
        with translated(f"{self.place}/{name}"):
            if self._latest_only:
                self._refuse_a_lock()
            if len(data) > PART_BYTES:
                checksum = self._put_parts(key, data)
            else:
                checksum = _sha256(data)
                self._client.put_object(**key, Body=data, ChecksumSHA256=checksum)
            self._prove(key, name, data, checksum)
            if self._latest_only:
                self._remove_older(key)

    def get(self, name: str) -> bytes:
        """boto3 compares the checksum that was stored with the bytes that came."""
        with translated(f"{self.place}/{name}"):
            data: bytes = self._client.get_object(**self._key(name), ChecksumMode="ENABLED")["Body"].read()
        return data

    def list(self, prefix: str = "") -> Iterator[Stored]:
        """Sorted here: AWS lists by name, SeaweedFS by folder."""
        return iter(sorted(self._listed(prefix), key=lambda stored: stored.name))

    def delete(self, name: str) -> None:
        key = self._key(name)
        with translated(f"{self.place}/{name}"):
            self._client.delete_object(**key)
            if self._latest_only:
                self._remove_older(key)

    def _listed(self, prefix: str) -> Iterator[Stored]:
        start = self._prefix + prefix
        with translated(f"{self.place}/{prefix}"):
            for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=start):
                for found in page.get("Contents", ()):
                    name = found["Key"].removeprefix(self._prefix)
                    if is_name(name):
                        yield Stored(name, found["Size"], found["LastModified"])

    def _key(self, name: str) -> dict[str, str]:
        return {"Bucket": self._bucket, "Key": self._prefix + check_name(name)}

    def _put_parts(self, key: dict[str, str], data: bytes) -> str:
        """The checksum that S3 gives the whole: of the checksums of the parts, and how many there were."""
        upload = {"UploadId": self._client.create_multipart_upload(**key, ChecksumAlgorithm="SHA256")["UploadId"]}

        def put(number: int) -> dict[str, Any]:
            part = data[(number - 1) * PART_BYTES : number * PART_BYTES]
            checksum = _sha256(part)
            done = self._client.upload_part(**key, **upload, PartNumber=number, Body=part, ChecksumSHA256=checksum)
            return {"PartNumber": number, "ETag": done["ETag"], "ChecksumSHA256": checksum}

        try:
            with ThreadPoolExecutor(4) as threads:
                parts = [*threads.map(put, range(1, -(-len(data) // PART_BYTES) + 1))]
            self._client.complete_multipart_upload(**key, **upload, MultipartUpload={"Parts": parts})
        except BaseException:
            self._client.abort_multipart_upload(**key, **upload)
            raise
        return f"{_sha256(b''.join(base64.b64decode(part['ChecksumSHA256']) for part in parts))}-{len(parts)}"

    def _prove(self, key: dict[str, str], name: str, data: bytes, checksum: str) -> None:
        """Raises TargetUnavailable when the bucket said that it kept the object, and has not."""
        try:
            found = self._client.head_object(**key, ChecksumMode="ENABLED")
        except ClientError as error:
            if not is_absent(error):
                raise
            raise TargetUnavailable(f"{self.place} said it had kept {name}, and has not") from error
        kept = found.get("ChecksumSHA256")
        # Of a server that keeps no checksums, what comes back must do.
        same = self.get(name) == data if kept is None else kept == checksum
        if found.get("ContentLength") != len(data) or not same:
            raise TargetUnavailable(f"{self.place} said it had kept {name}, and has other bytes")

    def _refuse_a_lock(self) -> None:
        try:
            found = self._client.get_object_lock_configuration(Bucket=self._bucket)["ObjectLockConfiguration"]
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] in (404, 501):  # it has none, or knows of none
                return
            raise
        if found.get("ObjectLockEnabled") == "Enabled":
            raise TargetRefused(
                f"{self.place} is locked: it would keep the keys of erased persons; give a bucket without a lock"
            )

    def _remove_older(self, key: dict[str, str]) -> None:
        """Of this object all versions but the latest, and marks of its deletion. Raises TargetRefused if one stays."""
        for _ in range(LOOKS):  # others may put it at the same time
            older = self._older(key)
            if not older:
                return
            for version in older:
                self._client.delete_object(**key, VersionId=version)
        raise TargetRefused(f"{self.place} keeps older versions of {key['Key']}: let the key delete them")

    def _older(self, key: dict[str, str]) -> builtins.list[str]:
        pages = self._client.get_paginator("list_object_versions").paginate(Bucket=key["Bucket"], Prefix=key["Key"])
        found = [each for page in pages for kind in ("Versions", "DeleteMarkers") for each in page.get(kind, ())]
        same = [each for each in found if each["Key"] == key["Key"]]
        deleted = any(each["IsLatest"] and "Size" not in each for each in same)
        return [each["VersionId"] for each in same if deleted or not each["IsLatest"]]


def _sha256(data: bytes) -> str:
    return base64.b64encode(hashlib.sha256(data).digest()).decode()
