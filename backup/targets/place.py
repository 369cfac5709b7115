"""The target of a URL."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from backup.errors import TargetRefused
from backup.targets.folder import FolderTarget
from backup.targets.retrying import Patience, RetryingTarget
from backup.targets.target import Target

KINDS = "give a folder's path or s3://bucket/prefix"


def target_at(url: str, *, latest_only: bool = False, patience: Patience = Patience()) -> Target:
    """A folder's path, or `s3://bucket/prefix`, asked again when it does not answer.

    Behind a `?` of the latter may stand `profile=NAME`, a profile of AWS's files (another region's credentials and
    endpoint), and `at=2026-11-28T12:00:00Z`: the bucket's versions of that moment, to be read only. With `latest_only`
    no older version of an object stays anywhere; a bucket that would keep one is refused at the first put.
    Raises TargetRefused for another URL.
    """
    return RetryingTarget(_plain(url, latest_only), patience)


def _plain(url: str, latest_only: bool) -> Target:
    folder = url.removeprefix("file://")
    if folder and "://" not in folder:
        return FolderTarget(Path(folder).expanduser().absolute())
    parts = urlsplit(url)
    if parts.scheme != "s3" or not parts.netloc:
        raise TargetRefused(f"snapshots cannot be kept at '{url}': {KINDS}")
    from backup.targets.s3 import S3Target, bucket_client  # boto3 costs 40 MB and half a second

    options = {name: values[-1] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
    if unknown := sorted(set(options) - {"profile", "at"}):
        raise TargetRefused(f"'{url}': '{unknown[0]}' is not known; profile and at are")
    client = bucket_client(options.get("profile"))
    prefix = parts.path.strip("/")
    if "at" not in options:
        return S3Target(client, parts.netloc, prefix, latest_only=latest_only)
    from backup.targets.past import PastTarget

    return PastTarget(client, parts.netloc, prefix, _moment(options["at"]))


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise TargetRefused(f"'at={text}' is no moment; write it as 2026-11-28T12:00:00Z") from None
    return moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
