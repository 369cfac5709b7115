from __future__ import annotations

import os
from dataclasses import replace
from datetime import timedelta

import pytest

from backup import holds
from backup.targets.memory import MemoryTarget
from tests.made_snapshots import NOW


@pytest.fixture
def hold(target: MemoryTarget) -> holds.Hold:
    """Of this process, as another one sees it."""
    with holds.held(target, "prune"), holds.held(target, "read") as mine:
        (found,), _ = holds.others(target, mine)
    return replace(found, since=NOW)


def test_a_hold_counts_as_long_as_its_process_lives(hold: holds.Hold) -> None:
    assert hold.is_alive(NOW + timedelta(hours=23))
    assert not replace(hold, process=2**22 + 1).is_alive(NOW)  # more than Linux gives


def test_after_a_day_its_process_is_another_one_of_that_number(hold: holds.Hold) -> None:
    assert hold.process == os.getpid()
    assert not hold.is_alive(NOW + timedelta(days=1))


def test_on_another_machine_nobody_knows_and_it_counts_for_a_day(hold: holds.Hold) -> None:
    elsewhere = replace(hold, where="elsewhere", process=2**22 + 1)

    assert [elsewhere.is_alive(NOW + timedelta(hours=hours)) for hours in (23, 24)] == [True, False]
