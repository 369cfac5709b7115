from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from edge.errors import Damaged, KeyUnusable
from edge.spool.key import SpoolKey, make_spool_key, read_spool_key


def test_a_key_is_made_for_its_owner_only_and_never_overwritten(tmp_path: Path) -> None:
    file = tmp_path / "spool.key"
    fingerprint = make_spool_key(file)
    content = file.read_bytes()

    assert file.stat().st_mode & 0o777 == 0o600
    assert read_spool_key(file).fingerprint == fingerprint
    with pytest.raises(KeyUnusable, match="not overwritten"):
        make_spool_key(file)
    assert file.read_bytes() == content
    assert fingerprint not in content.decode()


@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe", b"no key", b"00" * 31, b"00" * 33])
def test_a_file_without_a_key_is_one_clear_line_that_quotes_nothing(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "key"
    if content is not None:
        file.write_bytes(content)

    with pytest.raises(KeyUnusable, match="make one with doorbell-edge spool key") as error:
        read_spool_key(file)
    assert "no key" not in str(error.value)


def test_what_was_sealed_opens_only_unchanged() -> None:
    key = SpoolKey(b"k" * 32)
    body = key.seal(b"image", b"header")

    assert key.open(body, b"header") == b"image"
    for other in (body[:-1], body[:5], b"", bytes([body[0] ^ 1]) + body[1:]):
        with pytest.raises(Damaged):
            key.open(other, b"header")
    with pytest.raises(Damaged):
        key.open(body, b"another header")


def test_a_box_without_a_key_loads_no_cryptography() -> None:
    looks = "import sys, edge.spool.queue; sys.exit('cryptography' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", looks]).returncode == 0
