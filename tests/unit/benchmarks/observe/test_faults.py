from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

from benchmarks.observe.faults import FAULTS, Fault, full_disk, told
from benchmarks.observe.inbox import Inbox
from tests.unit.benchmarks.observe.test_inbox import said


def a_house() -> Any:
    return SimpleNamespace(outside=SimpleNamespace(inbox=Inbox()), small_disk=False)


@contextmanager
def told_at_once(house: Any) -> Iterator[None]:
    house.outside.inbox.take(said("firing", alertname="A", device="x"))
    yield
    house.outside.inbox.take(said("resolved", alertname="A", device="x"))


@contextmanager
def told_to_nobody(_: Any) -> Iterator[None]:
    yield


def test_a_fault_lasts_until_it_was_received_and_is_then_known_to_be_over() -> None:
    (found,) = told(a_house(), [Fault("A", told_at_once, 5, {"device": "x"})], until_resolved=["A"])
    assert (found.seconds_to_receive, found.seconds_to_resolve) == (0.0, 0.0)


def test_a_fault_of_which_nobody_is_told_has_no_seconds() -> None:
    found = told(a_house(), [Fault("A", told_at_once, 0.01, {"device": "y"}), Fault("B", told_to_nobody, 0.01)])
    assert [(each.name, each.seconds_to_receive) for each in found] == [("A", None), ("B", None)]


def test_no_disk_is_filled_that_is_not_a_small_one_of_our_own() -> None:
    full = [fault for fault in FAULTS if fault.injected is full_disk]
    assert full
    assert told(a_house(), full) == []
