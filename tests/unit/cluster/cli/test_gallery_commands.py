"""`doorbell gallery check` and what `doorbell bench gallery` refuses: one line, exit status 2."""

from __future__ import annotations

from pathlib import Path

import pytest

from cluster.cli.main import main
from cluster.security.keyring import Keyring, make_master_key, master_key
from serve_apps.database import alone, connect
from serve_apps.gallery.saved import Header, save


@pytest.fixture
def saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A saved index in a data folder of its own."""
    monkeypatch.setenv("DOORBELL_DATA", str(tmp_path))
    make_master_key(tmp_path / "master.key")
    keyring = Keyring(connect(f"sqlite:///{tmp_path}/keyring.db"), master_key(tmp_path / "master.key"))
    keyring.create("resident")
    key_id, key = keyring.create_file_key()
    path = tmp_path / "index" / "space-1.index"
    save(path, Header("space-1", key_id, 7, "past", 12, 36, 2, {"lists": 5_000}), key, [memoryview(bytes(5_000))])
    return path


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    return int(ended.value.code or 0)


def complaint(capsys: pytest.CaptureFixture[str]) -> str:
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    return said.err


def test_a_whole_file_is_said_to_be_whole(saved: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("gallery", "check") == 0
    assert f"{saved}: whole; 12 embeddings of space-1" in capsys.readouterr().out.replace("\n", " ")


def test_without_a_saved_index_there_is_nothing_to_check(saved: Path, capsys: pytest.CaptureFixture[str]) -> None:
    saved.unlink()

    assert run("gallery", "check") == 0
    assert "no index is saved" in capsys.readouterr().out


@pytest.mark.parametrize("keep", [0, 10, 300, 4_000])
def test_a_file_cut_short_is_one_line(saved: Path, capsys: pytest.CaptureFixture[str], keep: int) -> None:
    saved.write_bytes(saved.read_bytes()[:keep])

    assert run("gallery", "check", str(saved)) == 2
    assert "damaged" in complaint(capsys)


@pytest.mark.parametrize("place", [0, 20, 100, 3_000, -1])
def test_one_flipped_bit_is_one_line(saved: Path, capsys: pytest.CaptureFixture[str], place: int) -> None:
    content = bytearray(saved.read_bytes())
    content[place] ^= 1
    saved.write_bytes(content)

    assert run("gallery", "check", str(saved)) == 2
    assert str(saved) in complaint(capsys)


def test_a_file_that_an_erasure_ended_is_one_line(saved: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = saved.parents[1]
    Keyring(connect(f"sqlite:///{folder}/keyring.db"), master_key(folder / "master.key")).destroy(["resident"])

    assert run("gallery", "check", str(saved)) == 2
    assert f"{saved}: its key is gone: somebody was erased after it was saved" in complaint(capsys)


def test_a_file_that_is_not_there_is_one_line(saved: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("gallery", "check", "nowhere.index") == 2
    assert "nowhere.index: No such file" in complaint(capsys)


@pytest.mark.parametrize("sizes", ["many", "1000,", "", "0", "1", "-5", "1000,99999999", "1e3"])
def test_sizes_that_are_none_are_one_line(capsys: pytest.CaptureFixture[str], sizes: str) -> None:
    assert run("bench", "gallery", "--sizes", sizes) == 2
    complaint(capsys)


def test_two_at_once_that_embed_the_gallery_are_one_line(saved: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with alone(connect(f"sqlite:///{saved.parents[1]}/doorbell.db"), "reembedding"):
        assert run("gallery", "reembed", "--release", "yunet-dlib-1") == 2
    assert "another 'doorbell gallery reembed' is at work on this gallery" in complaint(capsys)


@pytest.mark.parametrize("options", [(), ("--release",), ("--release", "r", "--share", "0"), ("--release", "r", "x")])
def test_options_that_say_nothing_are_one_line(capsys: pytest.CaptureFixture[str], options: tuple[str, ...]) -> None:
    assert run("gallery", "reembed", *options) == 2
    complaint(capsys)
