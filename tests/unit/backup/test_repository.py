from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from backup.errors import Busy, Damaged, NoRepository, NoSuchSnapshot, TargetRefused, TargetUnavailable, WrongKey
from backup.passphrase import Passphrase
from backup.repository import Repository
from backup.sealing import MOST_PLAIN
from backup.targets.memory import MemoryTarget
from backup.writing import chunk_name
from tests.made_snapshots import NOW, Clock, passphrase_in, rows_of, take

TABLES = {"people": {"0": [["1", "Ada"]]}, "events": {"0": [["1", "door"]], "1": [["1000", "gate"]]}}


def test_a_snapshot_reads_back_as_it_was_taken_also_in_another_process(
    repository: Repository, target: MemoryTarget, passphrase: Passphrase
) -> None:
    taken = take(repository, TABLES)

    again = Repository.open(target, passphrase)

    assert again.latest() == taken
    assert rows_of(again, taken) == TABLES
    assert again.latest().rows == 3


def test_what_has_not_changed_is_never_uploaded_twice(repository: Repository, target: MemoryTarget) -> None:
    take(repository, TABLES)
    before = {each.name for each in target.list("chunks/")}

    take(repository, TABLES)

    assert {each.name for each in target.list("chunks/")} == before
    assert len(repository.ids()) == 2


def test_the_same_content_twice_in_one_snapshot_goes_up_once(repository: Repository) -> None:
    with repository.writing() as writing:
        ids = {writing.put(b"the same") for _ in range(20)}

    assert (len(ids), writing.objects, writing.skipped) == (1, 1, 19)


def test_a_snapshot_exists_only_when_it_is_committed(repository: Repository) -> None:
    with repository.writing() as writing:
        writing.put(b"a chunk")

    assert repository.ids() == []
    with pytest.raises(NoSuchSnapshot, match="doorbell backup snapshot"):
        repository.latest()


def test_the_newest_of_a_moment_is_found(repository: Repository) -> None:
    taken = [take(repository, TABLES, NOW + timedelta(minutes=minute)) for minute in range(3)]

    assert repository.latest(NOW + timedelta(seconds=90)) == taken[1]
    assert repository.latest(NOW) == taken[0]
    with pytest.raises(NoSuchSnapshot, match="the oldest is"):
        repository.latest(NOW - timedelta(seconds=1))


def test_after_the_clock_was_set_back_a_new_snapshot_is_still_the_newest(repository: Repository) -> None:
    take(repository, TABLES)
    later = take(repository, {"people": {}}, NOW - timedelta(days=1))

    assert repository.latest() == later


def test_a_moment_is_found_also_after_the_clock_was_ahead(repository: Repository, target: MemoryTarget) -> None:
    hours = {hour: take(repository, TABLES, NOW + timedelta(hours=hour)) for hour in (-9, 5, -8, -7)}
    assert repository.latest(NOW) == hours[-7]
    assert repository.latest(NOW - timedelta(hours=7.5)) == hours[-8]
    assert repository.latest(NOW - timedelta(hours=8.5)) == hours[-9]
    target.put(f"snapshots/{hours[-7].id}", b"pay")
    assert repository.latest(NOW) == hours[-8]


def test_another_key_does_not_open_it(repository: Repository, target: MemoryTarget, tmp_path: Path) -> None:
    with pytest.raises(WrongKey, match="no key slot of 1 opens"):
        Repository.open(target, passphrase_in(tmp_path / "other", "another passphrase"))


def test_a_place_without_a_repository_and_one_that_has_it_already_are_told(
    repository: Repository, target: MemoryTarget, passphrase: Passphrase
) -> None:
    with pytest.raises(NoRepository, match="doorbell backup init"):
        Repository.open(MemoryTarget(), passphrase)
    with pytest.raises(Busy, match="already"):
        Repository.create(target, passphrase, NOW)


def test_what_a_killed_init_left_does_not_hinder_the_next(
    repository: Repository, target: MemoryTarget, passphrase: Passphrase
) -> None:
    target.delete("repository")

    Repository.create(target, passphrase, NOW)

    assert len(list(target.list("keys/"))) == 1


def test_chunks_that_are_swapped_do_not_open(repository: Repository, target: MemoryTarget) -> None:
    with repository.writing() as writing:
        one, other = (writing.put(content) for content in (b"one", b"other"))
    target.put(chunk_name(one), target.get(chunk_name(other)))

    with pytest.raises(Damaged, match=one):
        repository.get(one)


def test_a_manifest_under_another_name_or_of_another_repository_does_not_open(
    repository: Repository, target: MemoryTarget, passphrase: Passphrase, clock: Clock
) -> None:
    here, elsewhere = take(repository, TABLES), MemoryTarget(clock)
    foreign = take(Repository.create(elsewhere, passphrase, NOW), TABLES)
    for name, data in (
        (replace(here, id=repository.new_id(NOW)).id, target.get(f"snapshots/{here.id}")),
        (foreign.id, elsewhere.get(f"snapshots/{foreign.id}")),
    ):
        target.put(f"snapshots/{name}", data)
        with pytest.raises(Damaged, match=name):
            repository.manifest(name)


def test_a_snapshot_that_took_too_long_is_not_committed(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backup.writing.MOST_SECONDS", -1)

    with pytest.raises(Busy, match="take it again"):
        take(repository, TABLES)

    assert repository.ids() == []


def test_an_upload_that_fails_ends_the_snapshot(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str, data: bytes) -> None:
        raise TargetUnavailable("no answer")

    monkeypatch.setattr(repository.target, "put", refuse)

    with pytest.raises(TargetUnavailable, match="no answer"), repository.writing() as writing:
        writing.put(b"a chunk")


def test_a_chunk_of_an_older_snapshot_that_is_gone_is_not_taken_over(
    repository: Repository, target: MemoryTarget, passphrase: Passphrase
) -> None:
    with repository.writing() as writing:
        there, gone = writing.put(b"there"), writing.put(b"gone")
    target.delete(chunk_name(gone))

    with Repository.open(target, passphrase).writing() as writing:
        assert writing.has([there])
        assert not writing.has([there, gone])
        with pytest.raises(Damaged, match=gone):
            writing.taken([gone])


def test_a_chunk_has_at_most_four_mebibytes(repository: Repository) -> None:
    with repository.writing() as writing, pytest.raises(ValueError, match="4194304"):
        writing.put(bytes(MOST_PLAIN + 1))


def test_a_snapshot_that_was_verified_is_known_as_such_until_it_goes(
    repository: Repository, target: MemoryTarget
) -> None:
    taken = take(repository, TABLES)
    repository.verified(taken.id, NOW)

    assert repository.verified_ids() == {taken.id: NOW}

    target.delete(f"snapshots/{taken.id}")
    assert repository.verified_ids() == {}


def test_a_key_that_may_write_but_not_delete_takes_snapshots_and_reads_them(
    repository: Repository, target: MemoryTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(name: str) -> None:
        raise TargetRefused("AccessDenied")

    monkeypatch.setattr(target, "delete", refuse)

    taken = take(repository, TABLES)
    repository.verified(taken.id, NOW)
    with repository.reading(taken.id):
        assert rows_of(repository, taken) == TABLES


def test_a_key_that_may_only_read_is_enough_to_restore(
    repository: Repository, target: MemoryTarget, passphrase: Passphrase, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise TargetRefused("AccessDenied")

    taken = take(repository, TABLES)
    for act in ("put", "delete"):
        monkeypatch.setattr(target, act, refuse)

    again = Repository.open(target, passphrase)
    with again.reading(taken.id):
        assert rows_of(again, again.latest()) == TABLES


def test_snapshots_by_several_threads_at_once_are_all_whole(repository: Repository) -> None:
    many = [{"people": {str(n % 3): [[str(n % 3), "x"]] for n in range(start, start + 3)}} for start in range(6)]

    with ThreadPoolExecutor(6) as threads:
        taken = list(threads.map(lambda tables: take(repository, tables), many))

    assert [rows_of(repository, each) for each in taken] == many
    assert len(set(repository.ids())) == 6
