from __future__ import annotations

from pathlib import Path

import pytest

from backup.errors import WrongKey
from backup.passphrase import Passphrase
from tests.made_snapshots import passphrase_in


def test_what_is_wrapped_is_unwrapped_by_the_same_passphrase_only(tmp_path: Path, passphrase: Passphrase) -> None:
    wrapped = passphrase.wrap(b"secret")

    assert passphrase.unwrap(wrapped) == b"secret"
    with pytest.raises(WrongKey, match="not the passphrase"):
        passphrase_in(tmp_path / "other", "another passphrase").unwrap(wrapped)


def test_the_end_of_the_line_is_none_of_the_passphrase(tmp_path: Path, passphrase: Passphrase) -> None:
    wrapped = passphrase.wrap(b"secret")
    passphrase.file.write_bytes(b"correct horse battery\r\n")

    assert passphrase.unwrap(wrapped) == b"secret"


@pytest.mark.parametrize("changed", ["salt", "n", "r", "p", "sealed"])
def test_what_was_changed_does_not_open(passphrase: Passphrase, changed: str) -> None:
    wrapped = passphrase.wrap(b"secret")

    for other in ("", "00", "x", "1048576"):
        with pytest.raises(WrongKey):
            passphrase.unwrap({**wrapped, changed: other})
    with pytest.raises(WrongKey):
        passphrase.unwrap({name: value for name, value in wrapped.items() if name != changed})


@pytest.mark.parametrize("text", ["", "short", "\n", " " * 20, "abababababab"])
def test_a_passphrase_that_is_short_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(WrongKey, match="at least"):
        passphrase_in(tmp_path / "short", text).wrap(b"secret")


def test_a_file_that_others_may_read_or_that_is_missing_is_refused(tmp_path: Path, passphrase: Passphrase) -> None:
    passphrase.file.chmod(0o640)
    with pytest.raises(WrongKey, match="chmod 600"):
        passphrase.wrap(b"secret")

    with pytest.raises(WrongKey, match="cannot be read: No such file"):
        Passphrase(tmp_path / "missing").wrap(b"secret")
