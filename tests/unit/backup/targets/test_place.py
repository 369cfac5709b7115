from __future__ import annotations

from pathlib import Path

import pytest

from backup.errors import TargetRefused
from backup.targets.place import target_at


@pytest.mark.parametrize("form", ["{}", "file://{}"])
def test_a_path_is_a_folder_whatever_is_in_its_name(tmp_path: Path, form: str) -> None:
    target_at(form.format(tmp_path / "of ours? #1")).put("chunks/a", b"data")

    assert (tmp_path / "of ours? #1" / "chunks" / "a").read_bytes() == b"data"


def test_a_bucket_has_its_name_and_prefix_and_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")

    assert target_at("s3://bucket/some/where/").place == "s3://bucket/some/where"
    past = target_at("s3://bucket?at=2026-11-28T12:00:00Z")
    assert past.place == "s3://bucket at 2026-11-28T12:00:00Z"
    with pytest.raises(TargetRefused, match="cannot be written"):
        past.put("a", b"")


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("ftp://host/x", "give a folder's path or s3"),
        ("", "give a folder's path or s3"),
        ("s3://", "give a folder's path or s3"),
        ("s3://bucket?regoin=x", "'regoin' is not known"),
        ("s3://bucket?at=yesterday", "is no moment"),
        ("s3://bucket?profile=no-such-profile", "no-such-profile"),
    ],
)
def test_another_url_is_told_what_to_be(url: str, said: str) -> None:
    with pytest.raises(TargetRefused, match=said):
        target_at(url)
