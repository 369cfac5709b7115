from __future__ import annotations

import os
from dataclasses import replace
from datetime import timedelta

import pytest

from backup import holds
from backup.errors import TargetRefused
from backup.targets.memory import MemoryTarget
from tests.made_snapshots import NOW


@pytest.fixture
def hold(target: MemoryTarget) -> holds.Hold:
    """Of this process, as another one sees it."""
    with holds.held(target, "prune"), holds.held(target, "read") as mine:
        (found,), _ = holds.others(target, mine)
    return replace(found, since=NOW)


def test_a_hold_counts_as_long_as_its_process_lives(hold: holds.Hold) -> None:
    assert hold.process == os.getpid()
    assert hold.is_alive(NOW + timedelta(days=9))
    assert replace(hold, begun="").is_alive(NOW)  # of an older version
    assert not replace(hold, process=2**22 + 1).is_alive(NOW)  # more than Linux gives


def test_another_process_of_the_same_number_is_not_its(hold: holds.Hold) -> None:
    assert not replace(hold, begun=str(int(hold.begun) - 1)).is_alive(NOW)


def test_where_nothing_may_be_deleted_it_says_that_it_has_ended(
    target: MemoryTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(name: str) -> None:
        raise TargetRefused("AccessDenied")

    monkeypatch.setattr(target, "delete", refuse)

    with holds.held(target, "read"):
        pass
    with holds.held(target, "prune") as mine:
        assert holds.others(target, mine)[0] == []
    assert len(list(target.list("holds/"))) == 2


def test_on_another_machine_nobody_knows_and_it_counts_for_a_day(hold: holds.Hold) -> None:
    elsewhere = replace(hold, where="elsewhere", process=2**22 + 1)

    assert [elsewhere.is_alive(NOW + timedelta(hours=hours)) for hours in (23, 24)] == [True, False]
    changing = replace(elsewhere, purpose="keys")
    assert [changing.is_alive(NOW + timedelta(minutes=minutes)) for minutes in (14, 15)] == [True, False]
