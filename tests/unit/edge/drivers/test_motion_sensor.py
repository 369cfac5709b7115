from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from threading import Event

import pytest

pytest.importorskip("gpiozero")
from gpiozero.pins.mock import MockFactory, MockPin

from edge.drivers.motion_sensor import MotionSensorTrigger
from edge.errors import TriggerUnusable


@pytest.fixture
def factory() -> Iterator[MockFactory]:
    factory = MockFactory()
    yield factory
    factory.reset()


def _sensor(factory: MockFactory, times: list[float]) -> tuple[MotionSensorTrigger, MockPin]:
    trigger = MotionSensorTrigger(4, debounce_s=0.05, factory=factory, clock=iter(times).__next__)
    return trigger, factory.pin(4)


def test_somebody_who_comes_fires_once_at_the_rising_edge(factory: MockFactory) -> None:
    trigger, pin = _sensor(factory, [10.0, 13.0, 20.0])
    pin.drive_high()
    pin.drive_low()
    pin.drive_high()

    fired = list(islice(trigger.firings(Event()), 2))

    assert [(firing.kind, firing.at_s) for firing in fired] == [("motion", 10.0), ("motion", 20.0)]


def test_a_twitching_sensor_fires_once(factory: MockFactory) -> None:
    trigger, pin = _sensor(factory, [10.0, 10.01, 10.02, 10.03, 30.0])
    for _ in range(2):
        pin.drive_high()
        pin.drive_low()
    pin.drive_high()

    assert [firing.at_s for firing in islice(trigger.firings(Event()), 2)] == [10.0, 30.0]


def test_a_sensor_that_is_not_plugged_in_is_silent(factory: MockFactory) -> None:
    trigger, pin = _sensor(factory, [])

    assert pin.pull == "down"
    assert trigger._edges.empty()


def test_a_closed_sensor_gives_its_pin_back(factory: MockFactory) -> None:
    _sensor(factory, [])[0].close()

    _sensor(factory, [])[0].close()


def test_a_wrong_pin_is_one_clear_error(factory: MockFactory) -> None:
    with pytest.raises(TriggerUnusable, match="pin 77 cannot be a motion sensor"):
        MotionSensorTrigger(77, factory=factory)
