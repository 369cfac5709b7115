from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from threading import Event

import pytest
from structlog.testing import capture_logs

from edge.errors import TriggerUnusable
from edge.firings import Firings, RateLimit
from edge.trigger import Firing


class Told:
    """A fate that remembers."""

    def __init__(self) -> None:
        self.lost_cameras: list[tuple[str, str]] = []
        self.heard = Event()

    def taken(self, camera_id: str, frame_id: str) -> None:
        raise AssertionError(f"nobody took {frame_id}")

    def lost(self, camera_id: str, reason: str) -> None:
        self.lost_cameras.append((camera_id, reason))
        self.heard.set()


class Scripted:
    """A trigger that fires what it is given, then ends, fails or waits for the stop."""

    def __init__(self, *firings: Firing, then: Callable[[Event], object] = lambda stop: None) -> None:
        self._firings = firings
        self._then = then
        self.closed = False

    def firings(self, stop: Event) -> Iterator[Firing]:
        yield from self._firings
        self._then(stop)

    def close(self) -> None:
        self.closed = True


def _fail(stop: Event) -> None:
    raise RuntimeError("the pin library broke")


def _until_stopped(stop: Event) -> None:
    assert stop.wait(5)


def test_the_firings_of_all_triggers_come_out_and_each_names_its_cameras() -> None:
    both = Firings(
        [
            (Scripted(Firing("button", 1.0)), ("front", "back"), 0.0),
            (Scripted(Firing("manual", 2.0, ("yard",))), ("front", "yard"), 0.0),
        ]
    )

    fired = sorted(both.firings(Event()), key=lambda firing: firing.at_s)

    assert [(each.kind, each.at_s, each.cameras) for each in fired] == [
        ("button", 1.0, ("front", "back")),
        ("manual", 2.0, ("yard",)),
    ]
    assert both.fired == {"button": 2, "manual": 1}


def test_a_second_firing_of_the_same_trigger_and_camera_comes_too_soon_and_its_fate_hears_of_it() -> None:
    fate = Told()
    button = Scripted(Firing("button"), Firing("button", cameras=("front",), fate=fate))
    limited = Firings([(button, ("front", "back"), 5.0)], clock=lambda: 100.0)

    fired = list(limited.firings(Event()))

    assert [each.cameras for each in fired] == [("front", "back")]
    assert fate.lost_cameras == [("front", "it just fired, again after 5.0 s")]
    assert limited.suppressed == {("button", "too soon"): 1}


def test_the_cameras_that_may_fire_do_so_without_the_one_that_may_not() -> None:
    trigger = Scripted(Firing("manual", cameras=("front",)), Firing("manual"))
    limited = Firings([(trigger, ("front", "back"), 5.0)], clock=lambda: 100.0)

    assert [each.cameras for each in limited.firings(Event())] == [("front",), ("back",)]


def test_one_trigger_does_not_limit_another() -> None:
    wired = [(Scripted(Firing("button")), ("front",), 5.0), (Scripted(Firing("motion")), ("front",), 5.0)]

    assert len(list(Firings(wired).firings(Event()))) == 2


def test_the_limit_counts_from_the_last_that_was_let_through() -> None:
    limit = RateLimit(5.0)
    limit.note(["front"], 10.0)

    assert [limit.wait_s("front", now) for now in (10.0, 14.0, 15.0)] == [5.0, 1.0, 0.0]
    assert limit.wait_s("back", 10.0) == 0.0


def test_a_trigger_that_fails_is_logged_and_the_others_go_on() -> None:
    wired = [
        (Scripted(then=_fail), ("front",), 0.0),
        (Scripted(Firing("timer"), then=_until_stopped), ("front",), 0.0),
    ]
    stop = Event()
    firings = Firings(wired).firings(stop)

    with capture_logs() as logs:
        assert next(firings).kind == "timer"
        stop.set()
        assert list(firings) == []
    assert [(entry["event"], entry["trigger"]) for entry in logs] == [("trigger.failed", "Scripted")]


def test_when_the_last_trigger_has_failed_the_box_is_told() -> None:
    failing = Firings([(Scripted(Firing("button"), then=_fail), ("front",), 0.0)]).firings(Event())

    assert next(failing).kind == "button"
    with pytest.raises(TriggerUnusable, match="no trigger works any more: Scripted: the pin library broke"):
        next(failing)


class Stalling:
    """A trigger that fires once, and three times more when the consumer stands still."""

    def __init__(self, fate: Told) -> None:
        self.stands_still = Event()
        self._fate = fate

    def firings(self, stop: Event) -> Iterator[Firing]:
        yield Firing("button", 0.0)
        assert self.stands_still.wait(5)
        yield Firing("button", 1.0)
        yield Firing("button", 2.0)
        yield Firing("button", 3.0, fate=self._fate)

    def close(self) -> None:
        self.stands_still.set()


def test_when_nobody_takes_pictures_any_more_the_newest_are_dropped_and_counted() -> None:
    fate = Told()
    trigger = Stalling(fate)
    full = Firings([(trigger, ("front",), 60.0)], longest_queue=2, clock=iter([0.0, 100.0, 200.0, 300.0]).__next__)
    firings = full.firings(Event())
    assert next(firings).at_s == 0.0

    trigger.stands_still.set()
    assert fate.heard.wait(5)

    assert [each.at_s for each in firings] == [1.0, 2.0]
    assert fate.lost_cameras == [("front", "no picture is taken any more, the queue is full")]
    assert full.suppressed == {("button", "queue full"): 1}
    assert full.fired == {"button": 3}


def test_a_stop_ends_all_triggers_and_tells_what_is_still_in_the_queue() -> None:
    stop, fate = Event(), Told()
    trigger = Scripted(Firing("button"), Firing("manual", fate=fate), then=_until_stopped)
    both = Firings([(trigger, ("front",), 0.0)])
    firings = both.firings(stop)

    next(firings)
    stop.set()

    assert list(firings) == []
    both.close()
    assert fate.lost_cameras == [("front", "the box stops")]
    assert trigger.closed
    assert not any(thread.is_alive() for thread in both._threads)


def test_what_comes_into_the_queue_when_nobody_reads_it_any_more_is_told_at_the_close() -> None:
    fate = Told()
    late = Firings([(Scripted(then=_until_stopped), ("front",), 0.0)])
    assert list(late.firings(_set())) == []
    # What a trigger does that was past the check for the stop already.
    late._queue.put(Firing("manual", cameras=("front",), fate=fate))

    late.close()

    assert fate.lost_cameras == [("front", "the box stops")]


def _set() -> Event:
    event = Event()
    event.set()
    return event


def test_a_consumer_that_goes_away_leaves_no_thread_behind() -> None:
    both = Firings([(Scripted(Firing("button"), then=_until_stopped), ("front",), 0.0)])
    list(islice(both.firings(Event()), 1))

    both.close()

    assert not any(thread.is_alive() for thread in both._threads)


def test_a_trigger_that_cannot_be_closed_keeps_no_other_one_open() -> None:
    class Jammed(Scripted):
        def close(self) -> None:
            raise OSError("the pin library broke")

    others = Scripted(), Scripted()
    firings = Firings([(each, ("front",), 0.0) for each in (others[0], Jammed(), others[1])])

    with pytest.raises(OSError, match="pin library"):
        firings.close()

    assert all(each.closed for each in others)


def test_a_close_before_the_first_firing_leaves_nothing_running() -> None:
    trigger = Scripted(Firing("button"))
    both = Firings([(trigger, ("front",), 0.0)])

    both.close()

    assert list(both.firings(Event())) == []
    assert trigger.closed
