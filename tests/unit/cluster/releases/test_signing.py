from __future__ import annotations

import base64
from pathlib import Path

import pytest

from cluster.releases.manifest import ReleaseError
from cluster.releases.signing import TrustedKeys, make_signing_key, sign


def test_the_key_is_readable_by_its_owner_only_and_its_public_line_is_trusted(key: Path, trusted: TrustedKeys) -> None:
    assert key.stat().st_mode & 0o777 == 0o600
    assert trusted.verify(b"data", sign(key, b"data")) in trusted.names.values()


def test_a_key_that_is_there_stays_and_so_does_what_is_trusted(key: Path) -> None:
    before, public = key.read_bytes(), key.parent / "keys.pub"
    public.write_text("# nobody\n")

    make_signing_key(key, public)

    assert key.read_bytes() == before
    assert public.read_text() == "# nobody\n"


def test_a_file_of_trusted_keys_that_is_gone_is_made_again(key: Path, trusted: TrustedKeys) -> None:
    trusted.file.unlink()

    make_signing_key(key, trusted.file)

    assert TrustedKeys.read(trusted.file) == trusted


def test_a_new_key_is_added_below_those_that_are_trusted_already(tmp_path: Path) -> None:
    first = base64.b64encode(bytes(32)).decode()
    (tmp_path / "keys.pub").write_text(f"{first} the office")  # without an end of line

    make_signing_key(tmp_path / "signing.key", tmp_path / "keys.pub")

    names = TrustedKeys.read(tmp_path / "keys.pub").names
    assert len(names) == 2
    assert names[bytes(32)] == "the office"


def test_other_data_is_not_what_was_signed(key: Path, trusted: TrustedKeys) -> None:
    with pytest.raises(ReleaseError, match=r"not the one that .* signed"):
        trusted.verify(b"other", sign(key, b"data"))


def test_an_unknown_key_is_told_with_the_line_to_add(tmp_path: Path, trusted: TrustedKeys) -> None:
    make_signing_key(tmp_path / "theirs.key", tmp_path / "theirs.pub")
    line = (tmp_path / "theirs.pub").read_text().split()[0]

    with pytest.raises(ReleaseError) as refused:
        trusted.verify(b"data", sign(tmp_path / "theirs.key", b"data"))

    assert f"'{line} NAME'" in str(refused.value)
    assert str(trusted.file) in str(refused.value)


@pytest.mark.parametrize("signature", [b"", b"x", b"AAAA AAAA", b"\xff\xfe \x00", b"a b c"])
def test_what_is_no_signature_is_damaged(trusted: TrustedKeys, signature: bytes) -> None:
    with pytest.raises(ReleaseError, match="signature is damaged"):
        trusted.verify(b"data", signature)


@pytest.mark.parametrize("line", ["nonsense", "AAAA name", base64.b64encode(bytes(32)).decode(), "ÿ ÿ"])
def test_a_bad_line_of_the_trusted_keys_is_named_by_its_number(tmp_path: Path, line: str) -> None:
    (tmp_path / "keys.pub").write_text(f"# ours\n\n{line}\n")

    with pytest.raises(ReleaseError, match="line 3"):
        TrustedKeys.read(tmp_path / "keys.pub")


def test_without_a_file_of_trusted_keys_the_way_to_one_is_said(tmp_path: Path) -> None:
    with pytest.raises(ReleaseError, match="release pack"):
        TrustedKeys.read(tmp_path / "keys.pub")


def test_a_key_that_others_may_read_or_that_is_cut_short_signs_nothing(key: Path) -> None:
    key.chmod(0o644)
    with pytest.raises(ReleaseError, match="chmod 600"):
        sign(key, b"data")

    key.write_bytes(key.read_bytes()[:20])
    with pytest.raises(ReleaseError, match="20"):
        sign(key, b"data")
