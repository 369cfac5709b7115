from __future__ import annotations

from itertools import islice
from threading import Event, Thread

from edge.drivers.timer import TimerTrigger, next_due_s


class Sleeper(Event):
    """A stop that never comes, whose waiting moves the clock."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0
        self.oversleeps_s = [0.0]

    def clock(self) -> float:
        return self.now

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None
        self.now += timeout + (self.oversleeps_s.pop(0) if self.oversleeps_s else 0.0)
        return self.is_set()


def test_it_fires_every_so_many_seconds_and_does_not_drift() -> None:
    stop = Sleeper()
    stop.oversleeps_s = [0.3, 0.2, 0.4, 0.0]
    firings = islice(TimerTrigger(10.0, clock=stop.clock).firings(stop), 4)

    assert [round(firing.at_s, 3) for firing in firings] == [1010.3, 1020.2, 1030.4, 1040.0]


def test_after_a_sleep_of_the_box_it_fires_once_and_not_for_each_that_was_missed() -> None:
    stop = Sleeper()
    stop.oversleeps_s = [3605.0]
    firings = islice(TimerTrigger(10.0, clock=stop.clock).firings(stop), 3)

    assert [firing.at_s for firing in firings] == [4615.0, 4620.0, 4630.0]


def test_a_consumer_slower_than_the_interval_gets_no_burst() -> None:
    stop = Sleeper()
    firings = TimerTrigger(10.0, clock=stop.clock).firings(stop)
    first = next(firings)
    stop.now += 35.0

    assert (first.at_s, next(firings).at_s, next(firings).at_s) == (1010.0, 1050.0, 1060.0)


def test_a_moment_that_is_just_due_is_past() -> None:
    assert next_due_s(5.0, 2.0, 9.0) == 11.0
    assert next_due_s(5.0, 2.0, 8.9) == 9.0


def test_a_set_stop_ends_it() -> None:
    stop = Event()
    stop.set()

    assert list(TimerTrigger(3600.0).firings(stop)) == []


def test_an_interval_that_no_system_can_wait_for_fires_never_and_is_no_failure() -> None:
    stop = Event()
    Thread(target=lambda: (stop.wait(0.05), stop.set())).start()

    assert list(TimerTrigger(float("inf")).firings(stop)) == []
