from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from serve_apps.gallery.throttle import Throttle


@dataclass
class Machine:
    """Processor time and time, in seconds."""

    busy: float = 0.0
    now: float = 0.0
    slept: list[float] = field(default_factory=list)

    def work(self, busy: float, waiting: float = 0.0) -> None:
        self.busy += busy
        self.now += busy + waiting

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def throttle(self, share: float) -> Throttle:
        return Throttle(share, lambda: self.busy, lambda: self.now, self.sleep)


@pytest.mark.parametrize("share", [0.01, 0.25, 0.5, 0.9])
def test_it_takes_its_share_of_one_core(share: float) -> None:
    machine = Machine()
    throttle = machine.throttle(share)
    for seconds in (0.1, 0.02, 0.5):
        machine.work(seconds)
        throttle()

    assert machine.busy / machine.now == pytest.approx(share)


def test_a_whole_core_is_never_waited_for() -> None:
    machine = Machine()
    throttle = machine.throttle(1.0)
    machine.work(0.5, waiting=0.01)
    throttle()

    assert machine.slept == []


def test_work_on_several_cores_counts_as_often() -> None:
    machine = Machine()
    throttle = machine.throttle(0.5)
    machine.busy, machine.now = 0.4, 0.2
    throttle()

    assert machine.slept == [pytest.approx(0.6)]


def test_a_long_wait_is_no_credit_for_later() -> None:
    machine = Machine()
    throttle = machine.throttle(0.5)
    machine.work(0.1, waiting=60.0)
    throttle()
    machine.work(0.1)
    throttle()

    assert machine.slept == [pytest.approx(0.1)]
