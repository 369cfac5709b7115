from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from edge.errors import KeyUnusable
from edge.upload import key_file
from edge.upload.key_file import KeyFile, new_key_file


def test_a_key_repaired_in_its_file_is_given_at_once(tmp_path: Path) -> None:
    file = tmp_path / "key"
    key = KeyFile(file)
    with pytest.raises(KeyUnusable):
        key()
    file.write_text("first\n")
    assert key() == "first"
    file.write_text("other\n")
    assert key() == "other"
    file.unlink()
    with pytest.raises(KeyUnusable):
        key()


def test_a_file_that_has_not_changed_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "key").write_text("secret")
    reads = []
    monkeypatch.setattr(key_file, "read_key", lambda file: reads.append(file) or "secret")
    key = KeyFile(tmp_path / "key")

    assert [key(), key(), key()] == ["secret"] * 3
    assert reads == [tmp_path / "key"]


def test_without_a_file_the_key_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOORBELL_EDGE_KEY", "secret")

    assert KeyFile(None)() == "secret"


def test_a_new_key_can_be_read_by_its_owner_only(tmp_path: Path) -> None:
    with new_key_file(tmp_path / "key") as file:
        file.keep("secret")

    assert (tmp_path / "key").read_text() == "secret\n"
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600
    assert os.listdir(tmp_path) == ["key"]  # noqa: PTH208


def test_a_key_that_is_there_is_never_overwritten_unasked(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("old")
    with pytest.raises(KeyUnusable, match="--replace"), new_key_file(tmp_path / "key"):
        pass
    with new_key_file(tmp_path / "key", replace=True) as file:
        file.keep("new")

    assert (tmp_path / "key").read_text() == "new\n"


def test_a_key_that_appears_meanwhile_is_not_overwritten_either(tmp_path: Path) -> None:
    with new_key_file(tmp_path / "key") as file:
        (tmp_path / "key").write_text("of somebody else")
        with pytest.raises(KeyUnusable):
            file.keep("new")

    assert (tmp_path / "key").read_text() == "of somebody else"
    assert [each.name for each in tmp_path.iterdir()] == ["key"]


def test_a_folder_that_is_not_there_is_said_before_anything_is_asked(tmp_path: Path) -> None:
    with pytest.raises(KeyUnusable, match="cannot write"), new_key_file(tmp_path / "no" / "key"):
        pass
