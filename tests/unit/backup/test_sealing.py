from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backup.errors import Damaged
from backup.sealing import Sealer, Secrets

SECRETS = Secrets("a" * 32, bytes(range(32)), {1: bytes(32), 2: bytes([1]) * 32})


@given(st.binary(max_size=4096))
def test_what_is_sealed_opens_again_and_does_not_show(plain: bytes) -> None:
    sealed = Sealer(SECRETS, 2).seal("chunk", "name", plain)

    assert Sealer(SECRETS, 2).open("chunk", "name", sealed) == plain
    assert len(plain) < 8 or plain not in sealed


@given(st.integers(min_value=0), st.integers(0, 7))
def test_one_bit_flipped_anywhere_is_found(place: int, bit: int) -> None:
    sealed = bytearray(Sealer(SECRETS, 1).seal("chunk", "name", b"some content of a chunk"))
    sealed[place % len(sealed)] ^= 1 << bit

    with pytest.raises(Damaged, match="name"):
        Sealer(SECRETS, 1).open("chunk", "name", bytes(sealed))


@given(st.integers(0, 60))
def test_what_is_cut_short_is_found(length: int) -> None:
    sealed = Sealer(SECRETS, 1).seal("chunk", "name", b"some content of a chunk")

    with pytest.raises(Damaged, match="name"):
        Sealer(SECRETS, 1).open("chunk", "name", sealed[: min(length, len(sealed) - 1)])


def test_it_opens_under_its_own_name_kind_and_repository_only() -> None:
    sealed = Sealer(SECRETS, 1).seal("chunk", "name", b"content")
    other = Secrets("b" * 32, SECRETS.id_key, SECRETS.data_keys)

    for open_it in (
        lambda: Sealer(SECRETS, 1).open("chunk", "another", sealed),
        lambda: Sealer(SECRETS, 1).open("snapshot", "name", sealed),
        lambda: Sealer(other, 1).open("chunk", "name", sealed),
    ):
        with pytest.raises(Damaged):
            open_it()


def test_older_generations_open_and_the_given_one_seals() -> None:
    old = Sealer(SECRETS, 1).seal("chunk", "name", b"content")

    assert Sealer(SECRETS, 2).open("chunk", "name", old) == b"content"
    assert Sealer(SECRETS, 2).seal("chunk", "name", b"content")[1:5] == bytes([0, 0, 0, 2])


def test_secrets_do_not_show_when_they_are_printed() -> None:
    assert repr(SECRETS.id_key) not in repr(SECRETS)
    assert "data_keys" not in repr(SECRETS)
