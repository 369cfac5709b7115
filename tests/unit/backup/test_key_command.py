from __future__ import annotations

import sys
from pathlib import Path

import pytest

from backup.errors import WrongKey
from backup.key_command import KeyCommand

KMS = """
import sys
data = sys.stdin.buffer.read()
sys.stdout.buffer.write(bytes(each ^ 0x5A for each in data) if sys.argv[1] in ("wrap", "unwrap") else b"")
"""


@pytest.fixture
def kms(tmp_path: Path) -> KeyCommand:
    (tmp_path / "kms.py").write_text(KMS)
    return KeyCommand(f"{sys.executable} {tmp_path / 'kms.py'}")


def test_a_program_wraps_and_unwraps(kms: KeyCommand) -> None:
    wrapped = kms.wrap(b"a secret of some length")

    assert kms.unwrap(wrapped) == b"a secret of some length"


def test_a_program_that_hands_the_secret_through_is_refused() -> None:
    with pytest.raises(WrongKey, match="does not wrap"):
        KeyCommand("sh -c cat").wrap(b"a secret of some length")


def test_what_a_failing_program_says_is_told() -> None:
    with pytest.raises(WrongKey, match="ended with 3: the KMS is asleep"):
        KeyCommand("sh -c 'echo the KMS is asleep >&2; exit 3'").wrap(b"secret")


def test_a_program_that_is_not_there_and_a_damaged_slot_are_told(kms: KeyCommand) -> None:
    with pytest.raises(WrongKey, match="cannot be run"):
        KeyCommand("/no/such/program").wrap(b"secret")
    for damaged in ({}, {"wrapped": "?"}):
        with pytest.raises(WrongKey, match="damaged"):
            kms.unwrap(damaged)
