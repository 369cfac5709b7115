"""What S3 and botocore say, in our words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    FlexibleChecksumError,
    NoCredentialsError,
    ParamValidationError,
    PartialCredentialsError,
    ProfileNotFound,
)

from backup.errors import BackupError, Damaged, NoSuchObject, TargetFull, TargetRefused, TargetUnavailable

_ABSENT = ("NoSuchKey", "NotFound", "404", "NoSuchVersion")
# A HEAD has no words for its status: its 400 may be a RequestTimeout.
_AGAIN = ("SlowDown", "RequestTimeout", "OperationAborted", "ServiceUnavailable", "InternalError", "BadDigest", "400")
_FULL = ("QuotaExceeded", "InsufficientStorage", "XMinioStorageFull", "EntityTooLargeForQuota")
_HOPELESS = (NoCredentialsError, PartialCredentialsError, ParamValidationError, ProfileNotFound)
_WAYS_OUT = {
    "NoSuchBucket": "make the bucket first",
    "AccessDenied": "the key may not do this: see the bucket policy in docs/backup.md",
    "403": "the key may not do this: see the bucket policy in docs/backup.md",
    "RequestTimeTooSkewed": "this machine's clock is wrong: set it",
}


def code(error: ClientError) -> str:
    """S3's word for it, or the HTTP status where it had none."""
    return str(error.response.get("Error", {}).get("Code", ""))


def is_absent(error: ClientError) -> bool:
    """Whether there is no such object, or no such version of it."""
    return code(error) in _ABSENT


@contextmanager
def translated(place: str) -> Iterator[None]:
    """Raises one of `backup.errors` instead of botocore's."""
    try:
        yield
    except FlexibleChecksumError as error:
        raise Damaged(f"{place}: not the bytes that were stored: {error}") from error
    except _HOPELESS as error:
        raise TargetRefused(f"{place}: {error}") from error
    except ClientError as error:
        raise in_our_words(place, error) from error
    except BotoCoreError as error:
        raise TargetUnavailable(f"{place}: {error}") from error


def in_our_words(place: str, error: ClientError) -> BackupError:
    """Throttling, time-outs and the server's own faults may pass; all else of 4xx does not."""
    said, status = code(error), int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    line = f"{place}: {said or status}: {error.response.get('Error', {}).get('Message', '')}".rstrip(": ")
    if is_absent(error):
        return NoSuchObject(f"{place} is not there")
    if said in _FULL or status == 507:
        return TargetFull(f"{line}; make room there, or keep less: doorbell backup prune")
    if said in _AGAIN or "Throttl" in said or status in (408, 409, 425, 429) or not 300 <= status < 500:
        return TargetUnavailable(line)
    return TargetRefused(f"{line}; {_WAYS_OUT[said]}" if said in _WAYS_OUT else line)
