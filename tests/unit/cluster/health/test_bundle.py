from __future__ import annotations

import stat
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.health.bundle import LAST_BYTES, REMOVED, last_of, secrets_of, without, write

KEY = "db_0123456789ab_" + "x" * 43


@pytest.mark.parametrize(
    ("text", "left"),
    [
        (f"X-API-Key: {KEY}!", f"X-API-Key: {REMOVED}!"),
        ("postgresql://doorbell:hunter2@db/x", f"postgresql://{REMOVED}@db/x"),
        ("Authorization: Bearer abcdef0123456789", f"Authorization: Bearer {REMOVED}"),
        ("https://s3/x?X-Amz-Signature=abc&y=1", f"https://s3/x?{REMOVED}&y=1"),
        ("code 0ABC-12DE-ZZ99-QQ11.", f"code {REMOVED}."),
        ("AKIAABCDEFGHIJKLMNOP", REMOVED),
        ("-----BEGIN PRIVATE KEY-----\nMII\n-----END PRIVATE KEY-----\nafter", f"{REMOVED}\nafter"),
        ("sqlite:////data/doorbell.db", "sqlite:////data/doorbell.db"),
    ],
)
def test_what_looks_like_a_secret_is_taken_out_and_nothing_else(text: str, left: str) -> None:
    assert without(text, ()) == left


@given(before=st.text(), secret=st.text(min_size=6).filter(lambda text: text not in REMOVED), after=st.text())
def test_a_known_secret_is_nowhere(before: str, secret: str, after: str) -> None:
    assert secret not in without(f"{before}{secret}{after}", {secret})


def test_a_short_name_goes_where_it_is_a_word_of_its_own() -> None:
    assert without("Ada rang; Canada, adapter", {"Ada"}) == f"{REMOVED} rang; Canada, adapter"


def test_secrets_are_what_the_environment_and_key_files_hold(tmp_path: Path) -> None:
    (tmp_path / "master.key").write_bytes(bytes(range(32)))
    environment = {"AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI", "HOME": "/home/doorbell", "SHORT_TOKEN": "x"}
    found = secrets_of(environment, [tmp_path / "master.key", tmp_path / "not there"])
    assert {"wJalrXUtnFEMI", bytes(range(32)).hex()} <= found
    assert not {"/home/doorbell", "x"} & found


def test_a_log_is_cut_to_its_last_whole_lines(tmp_path: Path) -> None:
    (tmp_path / "long.log").write_text("first\n" + "a line of some length\n" * (LAST_BYTES // 10))
    (tmp_path / "short.log").write_text("only\n")
    found = last_of([tmp_path / "long.log", tmp_path / "short.log", tmp_path / "gone.log"])
    assert found["logs/short.log"] == "only\n"
    assert len(found["logs/long.log"]) <= LAST_BYTES
    assert found["logs/long.log"].startswith("a line")


def test_a_bundle_is_for_its_owner_only_and_replaces_nothing(tmp_path: Path) -> None:
    file = tmp_path / "bundle.tar.gz"
    write(file, {"a.txt": f"key {KEY}"}, {"unknown secret"})
    with tarfile.open(file) as archive:
        (member,) = archive.getmembers()
        opened = archive.extractfile(member)
        assert opened is not None
        assert opened.read() == f"key {REMOVED}".encode()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with pytest.raises(FileExistsError):
        write(file, {}, ())
