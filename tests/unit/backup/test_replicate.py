from __future__ import annotations

from datetime import timedelta

import pytest

from backup.errors import AnotherRepository, Busy, NoSuchObject, TargetRefused
from backup.holds import held
from backup.passphrase import Passphrase
from backup.replicate import lag_seconds, replicate, replicate_keyring
from backup.repository import Repository
from backup.retention import Policy
from backup.targets.memory import MemoryTarget
from backup.verify import verify
from tests.made_snapshots import NOW, Clock, rows_of, take

TABLES = {"people": {"0": [["1", "Ada"]]}, "events": {"0": [["1", "door"]]}}


@pytest.fixture
def other(clock: Clock) -> MemoryTarget:
    return MemoryTarget(clock)


def test_the_other_place_opens_with_the_same_key_and_has_everything(
    repository: Repository, other: MemoryTarget, passphrase: Passphrase
) -> None:
    taken = [take(repository, TABLES), take(repository, {"people": {"0": [["1", "Bea"]]}})]

    done = replicate(repository, other, NOW)

    there = Repository.open(other, passphrase)
    assert done.snapshots == tuple(each.id for each in reversed(taken))
    assert (done.lag_seconds, done.damaged, verify(there).damaged) == (0, (), ())
    assert [there.manifest(each) for each in there.ids()] == taken
    assert [rows_of(there, each) for each in taken] == [rows_of(repository, each) for each in taken]


def test_only_what_is_missing_is_copied(repository: Repository, other: MemoryTarget) -> None:
    take(repository, TABLES)
    first = replicate(repository, other, NOW)

    assert replicate(repository, other, NOW).objects == 0

    take(repository, {**TABLES, "events": {"0": [["1", "door"]], "1": [["1000", "gate"]]}})
    second = replicate(repository, other, NOW)
    assert (first.objects, second.objects) == (5, 3)  # a new range, its list, the manifest


def test_the_lag_is_the_time_since_the_first_snapshot_that_is_not_there(
    repository: Repository, other: MemoryTarget
) -> None:
    assert lag_seconds(repository, other, NOW) == 0
    take(repository, TABLES, NOW)
    replicate(repository, other, NOW)
    for minutes in (10, 20):
        take(repository, TABLES, NOW + timedelta(minutes=minutes))

    assert lag_seconds(repository, other, NOW + timedelta(minutes=25)) == 15 * 60


def test_what_is_damaged_here_is_not_brought_there(repository: Repository, other: MemoryTarget) -> None:
    take(repository, TABLES)
    chunk = next(iter(repository.chunks()))[1].name
    repository.target.put(chunk, repository.target.get(chunk)[:-1])
    good = take(repository, {"people": {"0": [["2", "Bea"]]}})

    done = replicate(repository, other, NOW)

    assert done.snapshots == (good.id,)
    assert "cut" in done.damaged[0]
    assert not any(each.name == chunk for each in other.list())


def test_snapshots_deleted_here_stay_there_and_removed_keys_go(
    repository: Repository, other: MemoryTarget, passphrase: Passphrase
) -> None:
    taken = take(repository, TABLES)
    replicate(repository, other, NOW)
    repository.target.delete(f"snapshots/{taken.id}")
    other.put("keys/removed", next(other.get(each.name) for each in other.list("keys/")))

    replicate(repository, other, NOW)

    assert [each.name for each in other.list("keys/")] == [each.name for each in repository.target.list("keys/")]
    assert Repository.open(other, passphrase).ids() == [taken.id]


def test_what_the_other_place_would_not_keep_is_not_copied(repository: Repository, other: MemoryTarget) -> None:
    taken = [take(repository, TABLES, NOW + timedelta(seconds=seconds)) for seconds in range(5)]

    done = replicate(repository, other, NOW + timedelta(days=1), Policy(last=2, hourly=0, daily=0, weekly=0, monthly=0))

    assert done.snapshots == (taken[4].id, taken[3].id)


def test_another_repository_is_not_written_over_and_a_prune_there_is_waited_for(
    repository: Repository, other: MemoryTarget, passphrase: Passphrase
) -> None:
    take(repository, TABLES)
    with held(other, "prune"), pytest.raises(Busy, match="being pruned"):
        replicate(repository, other, NOW)
    Repository.create(other, passphrase, NOW)

    with pytest.raises(AnotherRepository, match="another repository"):
        replicate(repository, other, NOW)


def test_the_keyring_is_copied_when_it_has_changed(other: MemoryTarget, target: MemoryTarget) -> None:
    with pytest.raises(NoSuchObject):
        replicate_keyring("a" * 32, target, other)
    target.put("keyring/" + "a" * 32, b"keys")

    assert [replicate_keyring("a" * 32, target, other) for _ in range(2)] == [True, False]
    assert other.get("keyring/" + "a" * 32) == b"keys"


def test_a_key_that_goes_while_the_keyring_is_copied_does_not_come_back(
    other: MemoryTarget, target: MemoryTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, put = "keyring/" + "a" * 32, other.put
    target.put(name, b"keys")

    def late(where: str, data: bytes) -> None:
        target.put(name, b"fewer keys")
        put(where, data)

    monkeypatch.setattr(other, "put", late)

    assert replicate_keyring("a" * 32, target, other)
    assert other.get(name) == b"fewer keys"


def test_a_place_that_does_not_keep_the_keyring_is_told(
    other: MemoryTarget, target: MemoryTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    target.put("keyring/" + "a" * 32, b"keys")
    monkeypatch.setattr(other, "put", lambda *_: None)

    with pytest.raises(TargetRefused, match="did not keep"):
        replicate_keyring("a" * 32, target, other)
