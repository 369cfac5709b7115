"""What every kind of place promises, each held to the same."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from backup.errors import NoSuchObject, TargetFull, TargetRefused, TargetUnavailable
from backup.targets.folder import UNFINISHED, FolderTarget
from backup.targets.memory import MemoryTarget
from backup.targets.place import target_at
from backup.targets.target import Target

LARGE = os.urandom(2**20) * 20


@pytest.fixture(params=["memory", "folder", "s3", "s3-versions", "s3-latest-only"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Target]:
    """An empty place; all kinds keep the same promises."""
    if request.param == "memory":
        yield MemoryTarget()
        return
    if request.param == "folder":
        yield target_at(str(tmp_path / "target"))
        return
    with pytest.MonkeyPatch.context() as environment:
        for name, value in request.getfixturevalue("s3").items():
            environment.setenv(name, value)
        bucket = "crops" if request.param == "s3" else bucket_with_versions()
        yield target_at(f"s3://{bucket}/{tmp_path.name}", latest_only=request.param == "s3-latest-only")


def bucket_with_versions(name: str = "versions", **options: Any) -> str:
    from backup.targets.s3 import bucket_client

    client = bucket_client()
    if name not in [each["Name"] for each in client.list_buckets()["Buckets"]]:
        client.create_bucket(Bucket=name, **options)
        client.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    return name


@pytest.fixture
def s3_environment(s3: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in s3.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize("content", [b"", b"sealed", LARGE], ids=["nothing", "little", "20 MB"])
def test_what_was_put_comes_back(target: Target, content: bytes) -> None:
    target.put("chunks/aa/aa11", content)

    assert target.get("chunks/aa/aa11") == content
    assert [(each.name, each.size) for each in target.list()] == [("chunks/aa/aa11", len(content))]


def test_an_object_put_again_replaces_the_older_one(target: Target) -> None:
    for content in (b"older and longer", b"newer"):
        target.put("repository", content)

    assert target.get("repository") == b"newer"
    assert [each.size for each in target.list()] == [5]


def test_what_is_not_there_is_told_by_its_name(target: Target) -> None:
    target.put("keys/one", b"")
    for name in ("keys/two", "keys", "keys/one/more"):
        with pytest.raises(NoSuchObject, match=name):
            target.get(name)


def test_a_listing_is_sorted_by_the_whole_name_and_has_what_begins_like_this(target: Target) -> None:
    names = ["a", "a-b", "a.b", "a/b", "a/b-c", "a/bc/d", "a0", "b/a"]
    names = [name for name in names if name != "a"] if not isinstance(target, MemoryTarget) else names
    for name in reversed(names):
        target.put(name, name.encode())

    assert [each.name for each in target.list()] == names
    assert [each.name for each in target.list("a/b")] == ["a/b", "a/b-c", "a/bc/d"][-3 if "a/b" in names else 0 :]
    assert [each.name for each in target.list("c/")] == []


def test_a_listing_tells_when_by_the_targets_clock(target: Target) -> None:
    target.put("a", b"")

    (stored,) = target.list()

    assert abs(stored.modified - datetime.now(UTC)) < timedelta(minutes=5)


def test_what_was_deleted_is_gone_and_deleting_again_is_no_error(target: Target) -> None:
    for name in ("a/b", "a/c"):
        target.put(name, b"data")

    for _ in range(2):
        target.delete("a/b")

    assert [each.name for each in target.list()] == ["a/c"]
    with pytest.raises(NoSuchObject):
        target.get("a/b")


def test_a_name_that_leaves_the_place_is_refused(target: Target) -> None:
    for name in ("../a", "a/../b", "/a", "", "a//b", ".", "a/.hidden", "a\n", "ä", "a" * 501):
        for act in (lambda name=name: target.put(name, b""), lambda name=name: target.get(name)):
            with pytest.raises(TargetRefused, match="is no name"):
                act()
        with pytest.raises(TargetRefused, match="is no name"):
            target.delete(name)


def test_many_put_at_once_are_all_there(target: Target) -> None:
    names = [f"chunks/{number % 7:02}/{number:04}" for number in range(60)]

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda name: target.put(name, name.encode()), names))
        back = list(threads.map(target.get, names))

    assert back == [name.encode() for name in names]
    assert sorted(names) == [each.name for each in target.list()]


def test_of_many_puts_under_one_name_one_is_there_whole(target: Target) -> None:
    contents = [bytes([number]) * 100_000 for number in range(8)]

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda content: target.put("same", content), contents))

    assert target.get("same") in contents


def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(TargetRefused, match=r"exists|Not a directory"):
        FolderTarget(tmp_path / "file").put("a", b"")


def test_a_folder_without_room_keeps_what_it_has_and_says_so(tmp_path: Path) -> None:
    target = FolderTarget(tmp_path)
    target.put("a", b"older")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))  # the kernel stops writing in the middle
    try:
        with pytest.raises(TargetFull, match="doorbell backup prune"):
            target.put("a", bytes(200_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)

    assert target.get("a") == b"older"
    assert list((tmp_path / UNFINISHED).iterdir()) == []


def test_what_a_killed_process_left_unfinished_is_removed(tmp_path: Path) -> None:
    FolderTarget(tmp_path).put("a", b"")
    for owner in (2**22 + 1, os.getpid()):
        (tmp_path / UNFINISHED / f"{owner}-ab").touch()

    FolderTarget(tmp_path).put("b", b"")

    assert [each.name for each in (tmp_path / UNFINISHED).iterdir()] == [f"{os.getpid()}-ab"]


def test_files_are_for_their_owner_only(tmp_path: Path) -> None:
    FolderTarget(tmp_path / "target").put("chunks/aa/a", b"data")

    for path in (tmp_path / "target", *(tmp_path / "target").rglob("*")):
        assert path.stat().st_mode & 0o077 == 0


@pytest.mark.usefixtures("s3_environment")
def test_a_bucket_that_is_not_there_or_a_key_that_may_nothing_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(TargetRefused, match=r"NoSuchBucket.*make the bucket first"):
        list(target_at("s3://no-such-bucket").list())  # SeaweedFS makes a bucket for whoever puts

    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    with pytest.raises(TargetRefused, match="s3://crops"):
        list(target_at("s3://crops").list())


@pytest.mark.usefixtures("s3_environment")
def test_the_latest_only_keeps_no_older_version(tmp_path: Path) -> None:
    from backup.targets.s3 import S3Target, bucket_client

    client, bucket = bucket_client(), bucket_with_versions()
    target = S3Target(client, bucket, tmp_path.name, latest_only=True)
    S3Target(client, bucket, tmp_path.name).put("keyring/a", b"the oldest")
    S3Target(client, bucket, tmp_path.name).put("keyring/ab", b"of another")
    for content in (b"older", b"newest"):
        target.put("keyring/a", content)

    kept = client.list_object_versions(Bucket=bucket, Prefix=f"{tmp_path.name}/keyring/a")
    assert [each["Key"].rpartition("/")[2] for each in kept["Versions"]] == ["a", "ab"]
    assert target.get("keyring/a") == b"newest"

    target.delete("keyring/a")
    kept = client.list_object_versions(Bucket=bucket, Prefix=f"{tmp_path.name}/keyring/a")
    assert [each["Key"].rpartition("/")[2] for each in kept["Versions"]] == ["ab"]
    assert "DeleteMarkers" not in kept


@pytest.mark.usefixtures("s3_environment")
def test_a_locked_bucket_keeps_what_is_overwritten_and_deleted_and_takes_no_keyring() -> None:
    from backup.targets.s3 import bucket_client

    bucket = bucket_with_versions("locked", ObjectLockEnabledForBucket=True)
    rule = {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 1}}
    bucket_client().put_object_lock_configuration(
        Bucket=bucket, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": rule}
    )
    with pytest.raises(TargetRefused, match="is locked"):
        target_at(f"s3://{bucket}", latest_only=True).put("keyring/a", b"")

    target = target_at(f"s3://{bucket}")
    target.put("chunks/aa/a", b"good")
    (stored,) = target.list()
    target.put("chunks/aa/a", b"overwritten by somebody with the key")
    target.delete("chunks/aa/a")

    version = bucket_client().list_object_versions(Bucket=bucket)["Versions"][-1]
    assert bucket_client().get_object(Bucket=bucket, Key="chunks/aa/a", VersionId=version["VersionId"])[
        "Body"
    ].read() in (b"good", b"overwritten by somebody with the key")
    assert stored.size == 4


@pytest.mark.usefixtures("s3_environment")
def test_the_past_of_a_bucket_is_read_as_it_was(tmp_path: Path) -> None:
    from backup.targets.s3 import bucket_client

    bucket, place = bucket_with_versions(), f"s3://{bucket_with_versions()}/{tmp_path.name}"
    target = target_at(place)
    for name in ("overwritten", "deleted", "untouched"):
        target.put(name, b"good")
    newest = max(each.modified for each in target.list())
    moment = later_than(bucket_client(), bucket, newest)
    target.put("overwritten", b"bad")
    target.delete("deleted")
    target.put("new", b"bad")

    past = target_at(f"{place}?at={moment:%Y-%m-%dT%H:%M:%S.%fZ}")

    assert [(each.name, each.size) for each in past.list()] == [("deleted", 4), ("overwritten", 4), ("untouched", 4)]
    assert {past.get(each.name) for each in past.list()} == {b"good"}
    with pytest.raises(NoSuchObject):
        past.get("new")
    with pytest.raises(TargetRefused, match="the past cannot be written"):
        past.put("a", b"")


def later_than(client: Any, bucket: str, moment: datetime) -> datetime:
    """A moment behind this one by the bucket's clock, whose next object is later still."""
    now = moment
    while (now - moment).total_seconds() < 1:
        client.put_object(Bucket=bucket, Key="clock", Body=b"")
        now = client.head_object(Bucket=bucket, Key="clock")["LastModified"]
    return now - timedelta(milliseconds=1) if now.microsecond else moment


def test_a_server_that_does_not_listen_is_unavailable(s3_environment: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    from backup.targets.s3 import S3Target, bucket_client

    with pytest.raises(TargetUnavailable, match="s3://crops/a"):
        S3Target(bucket_client(), "crops").put("a", b"")
