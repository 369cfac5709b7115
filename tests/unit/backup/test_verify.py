from __future__ import annotations

from pathlib import Path

import msgpack
import pytest

from backup import slots
from backup.errors import BackupError
from backup.manifest import Collection, Manifest, Range
from backup.passphrase import Passphrase
from backup.prune import prune
from backup.repository import Repository
from backup.retention import Policy
from backup.targets.memory import MemoryTarget
from backup.verify import verify
from tests.made_snapshots import NOW, SOURCE, Clock, passphrase_in, take

TABLES = {"people": {"0": [["1", "Ada"]]}, "events": {str(n): [[str(n), "door"]] for n in range(40)}}


@pytest.fixture
def filled(repository: Repository, target: MemoryTarget, clock: Clock, tmp_path: Path) -> Repository:
    """A repository with every kind of object."""
    slots.add(target, repository.secrets, passphrase_in(tmp_path / "paper", "what lies in the safe"), NOW)
    with repository.writing() as writing:
        writing.put(b"of a snapshot that was broken off")
    for number in range(2):
        taken = take(repository, {**TABLES, "last": {"0": [[str(number), "x"]]}}, clock.now)
    repository.verified(taken.id, clock.now)
    prune(repository, Policy(last=2), clock.pass_by(days=2))
    return repository


def test_a_sound_repository_is_read_whole(filled: Repository, target: MemoryTarget) -> None:
    done: list[tuple[int, int]] = []

    verified = verify(filled, progress=lambda *now: done.append(now))

    chunks = len(list(target.list("chunks/")))
    assert (verified.damaged, verified.whole, verified.snapshots, verified.rows) == ((), True, 2, 42)
    assert (verified.objects, done[-1]) == (chunks, (chunks, chunks))
    assert verified.newest == filled.ids()[-1]


def test_one_bit_flipped_in_any_object_is_found_by_its_name(
    filled: Repository, target: MemoryTarget, passphrase: Passphrase
) -> None:
    names = [each.name for each in target.list()]
    assert {name.partition("/")[0] for name in names} == {
        "repository", "keys", "chunks", "snapshots", "verified", "condemned",
    }  # fmt: skip
    for number, name in enumerate(names):
        whole = target.get(name)
        place = (number * 7919) % len(whole)
        target.put(name, whole[:place] + bytes([whole[place] ^ 1 << number % 8]) + whole[place + 1 :])
        assert found_by(target, passphrase, filled) == [name]
        target.put(name, whole)


@pytest.mark.parametrize("harm", ["cut", "swapped", "gone"])
def test_a_chunk_that_is_cut_swapped_or_gone_is_found_with_what_needs_it(
    filled: Repository, target: MemoryTarget, harm: str
) -> None:
    events = filled.latest().collection("events")
    assert events is not None
    ranges = list(filled.ranges(events))
    name, other = (f"chunks/{each.chunks[0][:2]}/{each.chunks[0]}" for each in ranges[5:7])
    if harm == "gone":
        target.delete(name)
    else:
        target.put(name, target.get(name)[:-1] if harm == "cut" else target.get(other))

    (damage,) = verify(filled).damaged

    assert (damage.object, damage.ranges) == (name, ("events 5",))
    assert damage.snapshots == tuple(filled.ids())


def test_a_sample_reads_a_share_and_another_seed_another(filled: Repository) -> None:
    first, again, other = (verify(filled, 0.3, seed) for seed in (1, 1, 2))

    assert first == again
    assert not first.whole
    assert 0 < first.objects < 40
    assert {first.bytes} != {other.bytes} or first.objects != other.objects


def test_what_the_wiring_says_of_references_is_told(filled: Repository) -> None:
    found = verify(filled, complaints=lambda manifest: [f"a crop of {manifest.collections[0].name} is gone"])

    (damage,) = found.damaged
    assert damage.reason == "a crop of people is gone"
    assert damage.snapshots == (filled.ids()[-1],)


def test_damage_is_healed_by_the_next_snapshot_once_it_was_condemned(filled: Repository, target: MemoryTarget) -> None:
    events = filled.latest().collection("events")
    assert events is not None
    chunk = next(filled.ranges(events)).chunks[0]
    name = f"chunks/{chunk[:2]}/{chunk}"
    target.put(name, target.get(name)[:-1])
    assert [each.object for each in verify(filled, repair=True).damaged] == [name]
    with filled.writing() as writing:  # a list taken over unread would bring the damaged chunk along
        assert not writing.has(events.pages)
        assert writing.has([each.chunks[0] for each in filled.ranges(events)][1:])

    healed = take(filled, TABLES)

    (damage,) = verify(filled).damaged
    assert healed.id not in damage.snapshots


def found_by(target: MemoryTarget, passphrase: Passphrase, opened: Repository) -> list[str]:
    """What an open repository says is damaged; one that is opened now may refuse instead."""
    try:
        damaged = verify(Repository.open(target, passphrase)).damaged
    except BackupError:
        damaged = verify(opened).damaged
    return [each.object for each in damaged]


def test_a_range_that_holds_another_number_than_it_says_is_found(repository: Repository) -> None:
    with repository.writing() as writing:
        plain = msgpack.packb([["1", "Ada"]])
        ranges = [Range("0", 2, len(plain), (writing.put(plain),))]
        found = Collection("people", "rows", ("id",), 2, len(plain), (repository.put_page(writing, ranges),))
        manifest = Manifest(repository.new_id(NOW), repository.id, NOW, SOURCE, (found,), None, "test")
    repository.commit(manifest, writing)

    (damage,) = verify(repository).damaged
    assert damage.reason.startswith("a range of 1 in")


def test_of_blobs_the_first_chunk_lists_them_and_the_others_are_their_bytes(repository: Repository) -> None:
    with repository.writing() as writing:
        listed = msgpack.packb([["a", 3, 0], ["b", 3, 0]])
        ranges = [Range("0", 2, len(listed) + 6, (writing.put(listed), writing.put(b"\x93lobs!")))]
        found = Collection("crops", "blobs", (), 2, ranges[0].size, (repository.put_page(writing, ranges),))
        manifest = Manifest(repository.new_id(NOW), repository.id, NOW, SOURCE, (found,), None, "test")
    repository.commit(manifest, writing)

    assert verify(repository).damaged == ()
