from __future__ import annotations

from collections.abc import Iterator
from threading import Event

import pytest

pytest.importorskip("gpiozero")
from gpiozero.pins.mock import MockFactory

from edge.drivers.gpio import ButtonTrigger
from edge.errors import TriggerUnusable


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


class Wall:
    """A button on a simulated pin, with a clock that moves when told."""

    def __init__(self) -> None:
        self.factory = MockFactory()
        self.clock = Clock()
        self.trigger = ButtonTrigger(17, debounce_s=0.05, factory=self.factory, clock=self.clock)
        self._pin = self.factory.pin(17)

    def press_at(self, seconds: float) -> None:
        self.clock.now = 100.0 + seconds
        self._pin.drive_low()

    def release_at(self, seconds: float) -> None:
        self.clock.now = 100.0 + seconds
        self._pin.drive_high()

    def fired(self) -> int:
        return self.trigger._presses.qsize()


@pytest.fixture
def wall() -> Iterator[Wall]:
    wall = Wall()
    yield wall
    wall.trigger.close()
    wall.factory.reset()


def test_a_press_fires_at_once(wall: Wall) -> None:
    wall.press_at(0.0)

    assert next(wall.trigger.firings(Event())) == "button"


def test_a_bouncing_press_fires_once(wall: Wall) -> None:
    for step in range(4):
        wall.press_at(0.002 * step)
        wall.release_at(0.002 * step + 0.001)

    assert wall.fired() == 1


def test_a_bouncing_release_does_not_fire(wall: Wall) -> None:
    wall.press_at(0.0)
    wall.release_at(2.0)
    wall.press_at(2.001)
    wall.release_at(2.002)

    assert wall.fired() == 1


def test_two_presses_fire_twice_also_when_nobody_listened_meanwhile(wall: Wall) -> None:
    wall.press_at(0.0)
    wall.release_at(0.2)
    wall.press_at(0.4)
    firings = wall.trigger.firings(Event())

    assert [next(firings), next(firings)] == ["button", "button"]


def test_a_set_stop_ends_the_firings(wall: Wall) -> None:
    stop = Event()
    stop.set()

    assert list(wall.trigger.firings(stop)) == []


def test_a_pin_that_does_not_exist_is_one_clear_error() -> None:
    with pytest.raises(TriggerUnusable, match="pin 99"):
        ButtonTrigger(99, factory=MockFactory())
