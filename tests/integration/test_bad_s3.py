"""S3 that throttles, times out, fails, hangs up or lies: tried again where that helps, told where it does not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.config import Config

from backup.errors import Damaged, NoSuchObject, TargetFull, TargetRefused, TargetUnavailable
from backup.repository import Repository
from backup.targets import s3 as s3_module
from backup.targets.retrying import Patience, RetryingTarget
from backup.targets.s3 import S3Target
from backup.verify import verify
from tests.bad_s3 import Fault, before, fine, hangs_up, keeps_half, keeps_nothing, never_answers, not_xml, says
from tests.made_snapshots import NOW, passphrase_in, rows_of, take

PASSING = {
    "throttled": says(503, "SlowDown"),
    "too many": says(429, "TooManyRequests"),
    "its own fault": says(500, "InternalError"),
    "a proxy": not_xml,
    "timed out": says(400, "RequestTimeout"),
    "hung up": hangs_up,
    "silent": never_answers,
}
LYING = {"nothing": keeps_nothing, "other bytes": keeps_half}


@pytest.fixture
def bad(
    s3: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[tuple[S3Target, list[Fault]]]:
    """A bucket behind the bad one, and its faults. Only for a silent one a short patience is worth its risk."""
    for name, value in s3.items():
        monkeypatch.setenv(name, value)
    impatient = {"connect_timeout": 20, "read_timeout": 0.5 if "silent" in request.node.name else 20}
    monkeypatch.setattr(s3_module, "Config", lambda **given: Config(**{**given, **impatient}))
    with before(s3["AWS_ENDPOINT_URL_S3"]) as (address, faults):
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", address)
        client = s3_module.bucket_client()
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", s3["AWS_ENDPOINT_URL_S3"])
        yield S3Target(client, "crops", tmp_path.name), faults


def patient(target: S3Target) -> tuple[RetryingTarget, list[float]]:
    waits: list[float] = []
    return RetryingTarget(target, Patience(5), waits.append), waits


@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING)
def test_what_may_pass_is_unavailable_and_is_tried_again(bad: tuple[S3Target, list[Fault]], fault: Fault) -> None:
    target, faults = bad
    trying, waits = patient(target)
    for act in (
        lambda: trying.put("chunks/a", b"data"),
        lambda: trying.get("chunks/a"),
        lambda: list(trying.list()),
        lambda: trying.delete("chunks/b"),
    ):
        faults[:] = [fault, fault]
        act()

    assert trying.get("chunks/a") == b"data"
    assert len(waits) >= 8
    faults[:] = [fault]
    with pytest.raises(TargetUnavailable, match="s3://crops"):
        target.put("chunks/a", b"data")


@pytest.mark.parametrize("fault", LYING.values(), ids=LYING)
def test_a_put_that_the_bucket_only_said_it_kept_is_found_and_put_again(
    bad: tuple[S3Target, list[Fault]], fault: Fault
) -> None:
    target, faults = bad
    trying, waits = patient(target)
    faults[:] = [fault, fine, fault, fine]  # the puts, and what is asked after each

    trying.put("chunks/a", b"data")

    assert (trying.get("chunks/a"), len(waits)) == (b"data", 2)
    faults[:] = [fault]
    with pytest.raises(TargetUnavailable, match="said it had kept chunks/b, and has"):
        target.put("chunks/b", b"more")


@pytest.mark.parametrize("broken", range(5))
def test_a_large_object_goes_up_in_parts_or_not_at_all(bad: tuple[S3Target, list[Fault]], broken: int) -> None:
    target, faults = bad
    content = bytes(range(256)) * 2**16 * 2  # 32 MiB: begin, four parts, end, proof
    faults[:] = [*[fine] * broken, says(500, "InternalError")]

    with pytest.raises(TargetUnavailable):
        target.put("keyring/a", content)
    with pytest.raises(NoSuchObject):
        target.get("keyring/a")
    assert "Uploads" not in target._client.list_multipart_uploads(Bucket="crops", Prefix=target._prefix)

    target.put("keyring/a", content)
    assert target.get("keyring/a") == content


@pytest.mark.parametrize("said", [(403, "AccessDenied"), (403, "InvalidAccessKeyId"), (400, "InvalidRequest")])
def test_a_no_is_not_asked_again(bad: tuple[S3Target, list[Fault]], said: tuple[int, str]) -> None:
    target, faults = bad
    trying, waits = patient(target)
    faults[:] = [says(*said)]

    with pytest.raises(TargetRefused, match=said[1]):
        trying.put("chunks/a", b"data")
    assert waits == []


def test_a_full_bucket_is_told_with_the_way_out(bad: tuple[S3Target, list[Fault]]) -> None:
    target, faults = bad
    faults[:] = [says(507, "InsufficientStorage")]

    with pytest.raises(TargetFull, match="doorbell backup prune"):
        target.put("chunks/a", b"data")


def test_bytes_that_change_on_their_way_back_are_damaged(bad: tuple[S3Target, list[Fault]]) -> None:
    target, faults = bad
    target.put("chunks/a", b"data")

    def changes(request: object) -> bool:
        kept = target._client.head_object(Bucket="crops", Key=f"{target._prefix}chunks/a", ChecksumMode="ENABLED")
        request.answer(200, b"dada", {"x-amz-checksum-sha256": kept["ChecksumSHA256"]})  # type: ignore[attr-defined]
        return True

    faults[:] = [changes]
    with pytest.raises(Damaged, match="not the bytes that were stored"):
        target.get("chunks/a")


def test_a_snapshot_through_a_bad_s3_is_whole(bad: tuple[S3Target, list[Fault]], tmp_path: Path) -> None:
    target, faults = bad
    trying, waits = patient(target)
    repository = Repository.create(trying, passphrase_in(tmp_path / "passphrase"), NOW)
    tables = {"events": {str(number): [[str(number), "door"]] for number in range(30)}}
    wrong = [fault for fault in (*PASSING.values(), *LYING.values()) if fault is not never_answers]
    faults[:] = [each for fault in wrong for each in (fault, fine, fine)]

    taken = take(repository, tables)

    assert len(waits) > len(LYING)
    faults.clear()
    assert rows_of(repository, taken) == tables
    assert not verify(repository).damaged
