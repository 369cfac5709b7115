from __future__ import annotations

from pathlib import Path

import pytest

from backup.passphrase import Passphrase
from backup.repository import Repository
from backup.targets.memory import MemoryTarget
from tests.made_snapshots import NOW, Clock, passphrase_in


@pytest.fixture(autouse=True)
def cheap_passphrases(monkeypatch: pytest.MonkeyPatch) -> None:
    """What makes guessing dear would make tests slow."""
    monkeypatch.setattr("backup.passphrase.COST", 2**4)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def target(clock: Clock) -> MemoryTarget:
    return MemoryTarget(clock)


@pytest.fixture
def passphrase(tmp_path: Path) -> Passphrase:
    return passphrase_in(tmp_path / "passphrase")


@pytest.fixture
def repository(target: MemoryTarget, passphrase: Passphrase) -> Repository:
    return Repository.create(target, passphrase, NOW)
