"""Releases in an S3 bucket. Weights lie by their digest, so that releases share them and none can overwrite another's;
the manifest goes last, and only where none is: with it the release exists."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from cluster.releases.folder import check_content, read_signed
from cluster.releases.manifest import MOST_MANIFEST_BYTES, Manifest, ReleaseError
from cluster.releases.registry import (
    RegistryUnavailable,
    check_name,
    fetched,
    kept_copy,
    named,
    no_such,
    refuse_another,
)
from cluster.releases.signing import MOST_SIGNATURE_FILE_BYTES

ABSENT = ("404", "NoSuchKey", "NotFound")
TAKEN = ("PreconditionFailed", "412", "ConditionalRequestConflict", "409")


class Absent(ReleaseError):
    """An object that a release needs and the bucket does not have."""


class BucketRegistry:
    """`manifests/NAME`, `signatures/DIGEST`, `weights/SHA256`; credentials come from where boto3 looks for them."""

    def __init__(self, bucket: str, prefix: str) -> None:
        self._place = f"s3://{bucket}/{prefix}".rstrip("/")
        with self._translated():
            patience = Config(connect_timeout=5, read_timeout=30, retries={"max_attempts": 3, "mode": "standard"})
            self._bucket = boto3.resource("s3", config=patience).Bucket(bucket)
        self._prefix = f"{prefix}/" if prefix else ""

    def names(self) -> list[str]:
        """One listing."""
        start = f"{self._prefix}manifests/"
        with self._translated():
            return sorted(item.key.removeprefix(start) for item in self._bucket.objects.filter(Prefix=start))

    def manifest(self, name: str) -> Manifest:
        """One object."""
        return named(name, self._manifest(name))

    def put(self, folder: Path) -> None:
        """The manifest's PUT is conditional: of two different releases under one name one is refused."""
        data, signature = read_signed(folder)
        manifest = check_content(folder, data)
        with self._translated():
            for weight in manifest.weights:
                if not self._has(f"weights/{weight.sha256}", weight.size):
                    with (folder / weight.file).open("rb") as file:
                        self._bucket.put_object(Key=f"{self._prefix}weights/{weight.sha256}", Body=file)
            self._bucket.put_object(Key=f"{self._prefix}signatures/{manifest.digest}", Body=signature)
            try:
                self._bucket.put_object(Key=f"{self._prefix}manifests/{manifest.name}", Body=data, IfNoneMatch="*")
            except ClientError as error:
                if _code(error) not in TAKEN:
                    raise
                refuse_another(manifest, self._manifest(manifest.name))

    def fetch(self, name: str, cache: Path) -> Path:
        """Weights are streamed to the disk."""
        try:
            data = self._manifest(name)
            manifest = named(name, data)
            signature = self._read(f"signatures/{manifest.digest}", MOST_SIGNATURE_FILE_BYTES)
            return fetched(cache / name, data, signature, lambda new: self._download(manifest, new))
        except RegistryUnavailable as error:
            return kept_copy(cache / name, error)

    def _download(self, manifest: Manifest, new: Path) -> None:
        for weight in manifest.weights:
            body = self._get(f"weights/{weight.sha256}")
            with self._translated(), (new / weight.file).open("wb") as file:
                shutil.copyfileobj(body, file, 1 << 20)

    def _manifest(self, name: str) -> bytes:
        check_name(name)
        try:
            return self._read(f"manifests/{name}", MOST_MANIFEST_BYTES)
        except Absent:
            raise no_such(name, self.names()) from None

    def _read(self, key: str, most: int) -> bytes:
        body = self._get(key)
        with self._translated():
            content: bytes = body.read(most + 1)
        return content

    def _get(self, key: str) -> Any:
        with self._translated():
            try:
                return self._bucket.Object(self._prefix + key).get()["Body"]
            except ClientError as error:
                if _code(error) in ABSENT:
                    raise Absent(f"{self._place}/{key} is gone; put the release there again") from None
                raise

    def _has(self, key: str, size: int) -> bool:
        try:
            return bool(self._bucket.Object(self._prefix + key).content_length == size)
        except ClientError as error:
            if _code(error) in ABSENT:
                return False
            raise

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (BotoCoreError, ClientError) as error:
            raise RegistryUnavailable(f"{self._place}: {error}") from error


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))
