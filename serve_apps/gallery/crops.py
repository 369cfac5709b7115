"""Where the sealed crops of enrolled faces are kept: a folder, or an S3 bucket by URL.

A crop is what a new embedder reads when a release changes the embedding space. Crops are sealed before they come here.
"""

from __future__ import annotations

import errno
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from serve_apps.recognition.weights import write_atomically

TRIES = 100
"""To write into a folder that others remove."""


class CropsUnavailable(Exception):
    """The place where crops are kept does not answer or does not have this crop."""


class Crops(Protocol):
    """Bytes by person and face."""

    def put(self, person_id: str, face_id: str, sealed: bytes) -> None:
        """Keep; over an older one of the same name. Raises CropsUnavailable."""

    def get(self, person_id: str, face_id: str) -> bytes:
        """What was put. Raises CropsUnavailable when there is none."""

    def remove(self, person_id: str, face_id: str | None = None) -> None:
        """Remove one crop or all of a person's; what is not there is no error. Raises CropsUnavailable."""


def crops_at(url: str) -> Crops:
    """`s3://bucket/prefix` or a folder's path. Raises CropsUnavailable for another kind of URL."""
    parts = urlsplit(url)
    if parts.scheme == "s3":
        return BucketCrops(parts.netloc, parts.path.strip("/"))
    if parts.scheme in ("", "file"):
        return FolderCrops(Path(parts.path))
    raise CropsUnavailable(f"crops cannot be kept at '{parts.scheme}://': give a folder or s3://bucket/prefix")


class FolderCrops:
    """One file a crop."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, person_id: str, face_id: str, sealed: bytes) -> None:
        """Synced to the disk before it returns."""
        try:
            _write(self._folder / person_id / face_id, sealed)
        except OSError as error:
            raise CropsUnavailable(f"{self._folder}: {error.strerror}") from error

    def get(self, person_id: str, face_id: str) -> bytes:
        """What was put."""
        try:
            return (self._folder / person_id / face_id).read_bytes()
        except OSError as error:
            raise CropsUnavailable(f"{self._folder}: {error.strerror}") from error

    def remove(self, person_id: str, face_id: str | None = None) -> None:
        """Remove one or all."""
        try:
            if face_id is not None:
                (self._folder / person_id / face_id).unlink(missing_ok=True)
            else:
                _remove_folder(self._folder / person_id)
        except OSError as error:
            raise CropsUnavailable(f"{self._folder}: {error.strerror}") from error


def _write(path: Path, content: bytes) -> None:
    """Also while others remove its folder, which is made again then."""
    for _ in range(TRIES - 1):
        with suppress(FileNotFoundError, FileExistsError):  # the latter when it went just as it was found there
            return write_atomically(path, content)
    return write_atomically(path, content)


def _remove_folder(folder: Path) -> None:
    """Also while others remove it, or write into it."""
    while folder.is_dir():
        try:
            shutil.rmtree(folder)
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.ENOTEMPTY):
                raise


class BucketCrops:
    """One object a crop; region, endpoint and credentials come from where boto3 looks for them."""

    def __init__(self, bucket: str, prefix: str) -> None:
        # boto3 costs 40 MB and half a second, which an installation on a folder need not pay.
        import boto3
        from botocore.exceptions import BotoCoreError, ClientError

        self._bucket = boto3.resource("s3").Bucket(bucket)
        self._prefix = f"{prefix}/" if prefix else ""
        self._errors = (BotoCoreError, ClientError)

    def put(self, person_id: str, face_id: str, sealed: bytes) -> None:
        """One PUT with boto3's own retries."""
        try:
            self._bucket.put_object(Key=self._key(person_id, face_id), Body=sealed)
        except self._errors as error:
            raise CropsUnavailable(str(error)) from error

    def get(self, person_id: str, face_id: str) -> bytes:
        """What was put."""
        try:
            content: bytes = self._bucket.Object(self._key(person_id, face_id)).get()["Body"].read()
        except self._errors as error:
            raise CropsUnavailable(str(error)) from error
        return content

    def remove(self, person_id: str, face_id: str | None = None) -> None:
        """Remove one or all."""
        try:
            if face_id is not None:
                self._bucket.Object(self._key(person_id, face_id)).delete()
            else:
                self._bucket.objects.filter(Prefix=self._key(person_id, "")).delete()
        except self._errors as error:
            raise CropsUnavailable(str(error)) from error

    def _key(self, person_id: str, face_id: str) -> str:
        return f"{self._prefix}{person_id}/{face_id}"
