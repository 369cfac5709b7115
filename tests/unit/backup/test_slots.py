from __future__ import annotations

import json
from pathlib import Path

import pytest

from backup import slots
from backup.errors import AnotherRepository, Busy, Damaged, NoSuchObject, TargetRefused, WrongKey
from backup.passphrase import Passphrase
from backup.repository import Repository
from backup.targets.memory import MemoryTarget
from tests.made_snapshots import NOW, passphrase_in, rows_of, take

TABLES = {"people": {"0": [["1", "Ada"]]}}


@pytest.fixture
def paper(tmp_path: Path) -> Passphrase:
    """A second key, kept elsewhere."""
    return passphrase_in(tmp_path / "paper", "what lies in the safe")


def test_a_lost_key_is_no_loss_while_there_is_another(
    repository: Repository, target: MemoryTarget, paper: Passphrase, passphrase: Passphrase
) -> None:
    take(repository, TABLES)
    slots.add(target, repository.secrets, paper, NOW)
    passphrase.file.unlink()

    again = Repository.open(target, paper)

    assert rows_of(again, again.latest()) == TABLES


def test_of_two_changes_of_keys_at_once_one_is_refused(
    repository: Repository, target: MemoryTarget, passphrase: Passphrase, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrap = passphrase.wrap

    def meanwhile(secrets: bytes) -> dict[str, str]:
        with pytest.raises(Busy, match="are being changed"):
            slots.rotate(target, [passphrase])
        with pytest.raises(Busy, match="are being changed"):
            slots.remove(target, slots.read(target)[0].name)
        return wrap(secrets)

    monkeypatch.setattr(Passphrase, "wrap", lambda _, secrets: meanwhile(secrets))
    assert slots.rotate(target, [passphrase]).newest == 2
    monkeypatch.setattr(Passphrase, "wrap", lambda _, secrets: wrap(secrets))

    assert slots.rotate(target, [passphrase]).newest == 3
    assert list(target.list("holds/")) == []


def test_a_key_that_may_not_delete_adds_and_rotates_all_the_same(
    repository: Repository, target: MemoryTarget, passphrase: Passphrase, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(name: str) -> None:
        raise TargetRefused("AccessDenied")

    monkeypatch.setattr(target, "delete", refuse)
    with repository.reading(""):
        pass

    assert [slots.rotate(target, [passphrase]).newest for _ in range(2)] == [2, 3]


def test_a_removed_key_opens_nothing_and_the_last_one_stays(
    repository: Repository, target: MemoryTarget, paper: Passphrase, passphrase: Passphrase
) -> None:
    (first,) = slots.read(target)
    slots.add(target, repository.secrets, paper, NOW)
    slots.remove(target, first.name)

    with pytest.raises(WrongKey):
        Repository.open(target, passphrase)
    with pytest.raises(TargetRefused, match="last key slot"):
        slots.remove(target, slots.read(target)[0].name)
    with pytest.raises(NoSuchObject, match="there is no key slot"):
        slots.remove(target, first.name)


def test_after_a_rotation_old_snapshots_open_and_nothing_is_uploaded_again(
    repository: Repository, target: MemoryTarget, passphrase: Passphrase
) -> None:
    old = take(repository, TABLES)
    before = {each.name for each in target.list("chunks/")}

    slots.rotate(target, [passphrase])
    new = take(repository, TABLES)  # by a process that had it open

    assert {each.name for each in target.list("chunks/")} == before
    assert target.get(f"snapshots/{new.id}")[1:5] == bytes([0, 0, 0, 2])
    assert rows_of(Repository.open(target, passphrase), old) == TABLES


def test_who_kept_a_removed_key_and_its_slot_reads_nothing_new(
    repository: Repository, target: MemoryTarget, paper: Passphrase, passphrase: Passphrase
) -> None:
    (first,) = slots.read(target)
    stolen = target.get(f"keys/{first.name}")
    slots.add(target, repository.secrets, paper, NOW)
    slots.remove(target, first.name)
    slots.rotate(target, [paper])
    new = take(Repository.open(target, paper), TABLES)

    secrets = json.loads(passphrase.unwrap(json.loads(stolen)["wrapped"]))

    assert list(secrets["data_keys"]) == ["1"]
    assert target.get(f"snapshots/{new.id}")[1:5] == bytes([0, 0, 0, 2])


def test_a_rotation_needs_the_keys_of_all_slots(
    repository: Repository, target: MemoryTarget, paper: Passphrase, passphrase: Passphrase
) -> None:
    slots.add(target, repository.secrets, paper, NOW)
    before = [target.get(each.name) for each in target.list("keys/")]

    with pytest.raises(WrongKey, match="give its too, or remove it"):
        slots.rotate(target, [passphrase])

    assert [target.get(each.name) for each in target.list("keys/")] == before
    assert slots.rotate(target, [passphrase, paper]).newest == 2


def test_until_every_slot_has_the_new_key_the_old_one_seals(
    repository: Repository, target: MemoryTarget, paper: Passphrase, passphrase: Passphrase
) -> None:
    added = slots.add(target, repository.secrets, paper, NOW)
    half_way = target.get(f"keys/{added.name}")
    slots.rotate(target, [passphrase, paper])
    target.put(f"keys/{added.name}", half_way)  # as a kill between the two slots leaves it

    taken = take(Repository.open(target, passphrase), TABLES)
    assert rows_of(Repository.open(target, paper), taken) == TABLES

    assert slots.rotate(target, [passphrase, paper]).newest == 2
    assert {slot.generation for slot in slots.read(target)} == {2}


@pytest.mark.parametrize("part", ["kind", "made_at", "generation", "wrapped", "repository"])
def test_a_slot_that_was_changed_is_found_with_the_key_of_another(
    repository: Repository, target: MemoryTarget, paper: Passphrase, passphrase: Passphrase, part: str
) -> None:
    name = f"keys/{slots.add(target, repository.secrets, paper, NOW).name}"
    content = json.loads(target.get(name))
    content[part] = {"generation": 7, "wrapped": {}}.get(part, "other")
    target.put(name, json.dumps(content, indent=1).encode())

    with pytest.raises((Damaged, AnotherRepository), match=name):
        Repository.open(target, passphrase)


def test_what_is_no_slot_is_told(repository: Repository, target: MemoryTarget, passphrase: Passphrase) -> None:
    target.put("keys/stray", b"{}")

    with pytest.raises(Damaged, match="keys/stray"):
        Repository.open(target, passphrase)
