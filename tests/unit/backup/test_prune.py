from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from backup.errors import Busy, Damaged
from backup.holds import held
from backup.prune import Grace, prune
from backup.repository import Repository
from backup.retention import Policy
from backup.targets.memory import MemoryTarget
from backup.verify import verify
from tests.made_snapshots import Clock, rows_of, take

LAST = Policy(timedelta(0), 1, 0, 0, 0, 0)
OLD = {"people": {"0": [["1", "old"]], "1": [["2", "stays"]]}}
NEW = {"people": {"0": [["1", "new"]], "1": [["2", "stays"]]}}


@pytest.fixture
def two(repository: Repository, clock: Clock) -> Repository:
    """An old and a new snapshot, of two days ago."""
    take(repository, OLD, clock.now)
    take(repository, NEW, clock.pass_by(hours=1))
    clock.pass_by(days=2)
    return repository


def chunks(repository: Repository) -> set[str]:
    return {chunk for chunk, _ in repository.chunks()}


def test_a_chunk_is_deleted_an_hour_after_no_snapshot_needs_it(two: Repository, clock: Clock) -> None:
    before = chunks(two)

    first = prune(two, LAST, clock.now)
    assert (len(first.removed), first.condemned, first.swept) == (1, 2, 0)
    assert prune(two, LAST, clock.pass_by(minutes=59)).swept == 0
    last = prune(two, LAST, clock.pass_by(minutes=2))

    assert (last.swept, len(before) - len(chunks(two))) == (2, 2)
    assert last.bytes_freed > 0
    assert rows_of(two, two.latest()) == NEW
    assert not verify(two).damaged
    assert list(two.target.list("condemned/")) == list(two.target.list("holds/")) == []


def test_what_a_snapshot_found_there_before_it_was_condemned_is_spared(two: Repository, clock: Clock) -> None:
    begun = two.writing()  # it has seen that the old rows are there
    prune(two, LAST, clock.now)
    take(two, OLD, clock.pass_by(minutes=30), begun)

    prune(two, LAST, clock.pass_by(hours=1))

    assert rows_of(two, two.latest()) == OLD
    assert not verify(two).damaged


def test_a_snapshot_that_begins_later_leaves_condemned_names_alone(two: Repository, clock: Clock) -> None:
    prune(two, LAST, clock.now)
    clock.pass_by(minutes=70)
    condemned = set().union(*two.condemned().values())

    taken = take(two, OLD, clock.now)  # the same content again
    named = {chunk for each in two.ranges(taken.collections[0]) for chunk in each.chunks}

    assert not named & condemned
    assert prune(two, LAST, clock.now).swept == 2
    assert rows_of(two, taken) == OLD
    assert not verify(two).damaged


def test_a_sweep_and_a_removal_wait_for_who_reads(two: Repository, clock: Clock) -> None:
    old = two.ids()[0]
    with two.reading(old):
        pruned = prune(two, LAST, clock.now)
        assert (pruned.removed, pruned.kept[old]) == ((), ("being read",))
    prune(two, LAST, clock.now)
    clock.pass_by(hours=2)

    with two.reading(two.ids()[-1]):
        waits = prune(two, LAST, clock.now)

    assert waits.swept == 0
    assert waits.waiting is not None
    assert "read of" in waits.waiting


def test_a_hold_of_a_process_that_is_gone_ends_after_a_day(two: Repository, clock: Clock) -> None:
    two.target.put("holds/read-killed", b'{"purpose": "read", "snapshot": "", "where": "elsewhere", "process": 1}')
    assert prune(two, LAST, clock.now).removed == ()

    assert len(prune(two, LAST, clock.pass_by(days=1)).removed) == 1


def test_two_prunes_at_once_are_refused(two: Repository, clock: Clock) -> None:
    with held(two.target, "prune"), pytest.raises(Busy, match="another prune"):
        prune(two, LAST, clock.now)


def test_a_damaged_manifest_stops_it_before_anything_goes(two: Repository, clock: Clock) -> None:
    name = f"snapshots/{two.ids()[-1]}"
    two.target.put(name, two.target.get(name)[:-1])
    clock.pass_by(days=1)
    before = [each.name for each in two.target.list()]

    with pytest.raises(Damaged, match=two.ids()[-1]):
        prune(two, LAST, clock.now)

    assert [each.name for each in two.target.list()] == before


def test_a_snapshot_that_was_just_taken_stays_whatever_the_policy_says(repository: Repository, clock: Clock) -> None:
    take(repository, OLD, clock.now)
    take(repository, NEW, clock.pass_by(minutes=1))

    pruned = prune(repository, LAST, clock.pass_by(minutes=30))

    assert pruned.removed == ()
    assert ("just taken",) in pruned.kept.values()


def test_snapshots_of_a_clock_that_was_set_back_are_kept_by_their_own_hours(
    repository: Repository, clock: Clock
) -> None:
    first = clock.now
    taken = {hour: take(repository, {}, first + timedelta(hours=hour)).id for hour in (0, 30, 1, 2, 3)}
    clock.pass_by(hours=6)
    kept = prune(repository, Policy(hourly=3, daily=0, weekly=0, monthly=0), clock.now).kept
    assert set(kept) == {taken[hour] for hour in (30, 3, 2)}
    clock.pass_by(hours=60)
    assert taken[3] in prune(repository, Policy(hourly=0, daily=0, weekly=0, monthly=0), clock.now).kept


def test_what_a_broken_off_snapshot_uploaded_is_left_for_a_day(two: Repository, clock: Clock) -> None:
    with two.writing() as writing:
        writing.put(b"of a snapshot that was killed")

    assert prune(two, replace(LAST, last=2), clock.pass_by(hours=23)).condemned == 0
    assert prune(two, replace(LAST, last=2), clock.pass_by(hours=1)).condemned == 1


def test_a_target_clock_that_was_set_back_only_delays(two: Repository, clock: Clock) -> None:
    prune(two, LAST, clock.now)
    clock.pass_by(days=-7)

    assert prune(two, LAST, clock.now).swept == 0
    assert rows_of(two, two.latest()) == NEW


def test_the_newest_verified_stays_and_notes_of_others_go(two: Repository, clock: Clock) -> None:
    old, new = two.ids()
    two.verified(old, clock.now)
    assert prune(two, LAST, clock.now).kept == {old: ("newest verified",), new: ("newest", "last")}

    two.verified(new, clock.now)
    prune(two, LAST, clock.now)

    assert two.verified_ids().keys() == {new}
    assert [each.name for each in two.target.list("verified/")] == [f"verified/{new}"]


def test_a_grace_of_nothing_sweeps_in_the_next_run(two: Repository, clock: Clock, target: MemoryTarget) -> None:
    at_once = Grace(timedelta(0), timedelta(0))
    prune(two, LAST, clock.now, at_once)

    assert prune(two, LAST, clock.now, at_once).swept == 2
