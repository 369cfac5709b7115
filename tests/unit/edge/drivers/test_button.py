from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from threading import Event

import pytest

pytest.importorskip("gpiozero")
from gpiozero.pins.mock import MockFactory, MockPin

from edge.drivers.button import ButtonTrigger
from edge.drivers.pins import Presses
from edge.errors import TriggerUnusable


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


class Wall:
    """A button on a simulated pin, with a clock that moves when told."""

    def __init__(self, hold_s: float = 0.0) -> None:
        self.factory = MockFactory()
        self.clock = Clock()
        self.trigger = ButtonTrigger(17, debounce_s=0.05, hold_s=hold_s, factory=self.factory, clock=self.clock)
        self._pin = self.factory.pin(17)

    def press_at(self, seconds: float) -> None:
        self.clock.now = 100.0 + seconds
        self._pin.drive_low()

    def release_at(self, seconds: float) -> None:
        self.clock.now = 100.0 + seconds
        self._pin.drive_high()

    def fired_at(self, seconds: float) -> list[float]:
        """When each firing up to here was dated."""
        self.clock.now = 100.0 + seconds
        fired: list[float | None] = []
        while not self.trigger._edges.empty():
            fired.append(self.trigger._next_press(0.0))
        fired.append(self.trigger._next_press(0.0))
        return [round(at_s - 100.0, 3) for at_s in fired if at_s is not None]


@pytest.fixture
def wall() -> Iterator[Wall]:
    wall = Wall()
    yield wall
    wall.trigger.close()
    wall.factory.reset()


@pytest.fixture
def held_wall() -> Iterator[Wall]:
    wall = Wall(hold_s=1.0)
    yield wall
    wall.trigger.close()
    wall.factory.reset()


def test_a_press_fires_at_once_and_is_dated_by_its_first_edge(wall: Wall) -> None:
    wall.press_at(0.0)
    wall.clock.now += 5.0
    firing = next(wall.trigger.firings(Event()))

    assert (firing.kind, firing.at_s, firing.cameras, firing.fate) == ("button", 100.0, (), None)


def test_a_bouncing_press_fires_once(wall: Wall) -> None:
    for step in range(4):
        wall.press_at(0.002 * step)
        wall.release_at(0.002 * step + 0.001)

    assert wall.fired_at(1.0) == [0.0]


def test_a_bouncing_release_does_not_fire(wall: Wall) -> None:
    wall.press_at(0.0)
    wall.release_at(2.0)
    wall.press_at(2.001)
    wall.release_at(2.002)

    assert wall.fired_at(3.0) == [0.0]


def test_two_presses_fire_twice_also_when_nobody_listened_meanwhile(wall: Wall) -> None:
    wall.press_at(0.0)
    wall.release_at(0.2)
    wall.press_at(0.4)

    assert [firing.at_s for firing in islice(wall.trigger.firings(Event()), 2)] == [100.0, 100.4]


def test_a_button_that_must_be_held_fires_while_it_is_still_down(held_wall: Wall) -> None:
    held_wall.press_at(0.0)

    assert held_wall.fired_at(0.99) == []
    assert held_wall.fired_at(1.0) == [0.0]
    assert held_wall.fired_at(5.0) == []


def test_a_button_that_must_be_held_does_not_fire_for_a_tap(held_wall: Wall) -> None:
    held_wall.press_at(0.0)
    held_wall.release_at(0.9)

    assert held_wall.fired_at(5.0) == []


def test_two_taps_are_no_hold(held_wall: Wall) -> None:
    held_wall.press_at(0.0)
    held_wall.release_at(0.5)
    held_wall.press_at(0.8)

    assert held_wall.fired_at(1.5) == []
    assert held_wall.fired_at(1.8) == [0.8]


def test_a_release_shorter_than_the_debounce_time_does_not_end_a_hold(held_wall: Wall) -> None:
    held_wall.press_at(0.0)
    held_wall.release_at(0.5)
    held_wall.press_at(0.51)

    assert held_wall.fired_at(1.0) == [0.0]


def test_a_hold_that_nobody_listened_to_fires_later(held_wall: Wall) -> None:
    held_wall.press_at(0.0)
    held_wall.release_at(3.0)

    assert held_wall.fired_at(9.0) == [0.0]


class PinHeldDown(MockPin):
    """A pin that a finger holds low, whatever resistor pulls it up."""

    def _set_pull(self, value: str) -> None:
        self._pull = value
        self._state = False


def test_a_button_that_is_down_at_the_start_fires_at_the_next_press_only() -> None:
    factory = MockFactory(pin_class=PinHeldDown)
    trigger = ButtonTrigger(17, factory=factory)
    assert trigger._edges.empty()

    factory.pin(17).drive_high()
    factory.pin(17).drive_low()

    assert [trigger._edges.get()[0] for _ in range(2)] == [False, True]
    trigger.close()


def test_the_end_of_a_wait_for_a_hold_is_known() -> None:
    presses = Presses(0.05, hold_s=2.0)
    assert presses.due_s is None

    presses.edge(True, 10.0)
    assert presses.due_s == 12.0

    presses.edge(False, 11.0)
    assert presses.due_s is None


def test_a_set_stop_ends_the_firings(wall: Wall) -> None:
    stop = Event()
    stop.set()

    assert list(wall.trigger.firings(stop)) == []


@pytest.mark.parametrize("pin", [99, "BOARD1", "nonsense"])
def test_a_pin_that_does_not_exist_is_one_clear_error(pin: int | str) -> None:
    with pytest.raises(TriggerUnusable, match=f"pin {pin} cannot be a button"):
        ButtonTrigger(pin, factory=MockFactory())


def test_a_pin_that_is_taken_is_one_clear_error(wall: Wall) -> None:
    with pytest.raises(TriggerUnusable, match=r"pin GPIO17 .* in use already ; give each thing a pin of its own"):
        ButtonTrigger("GPIO17", factory=wall.factory)


def test_a_box_without_gpio_is_one_clear_error(
    recwarn: pytest.WarningsRecorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    import gpiozero

    def no_default() -> None:
        raise gpiozero.BadPinFactory("Unable to load any default pin factory!")

    monkeypatch.setattr(gpiozero.Device, "ensure_pin_factory", no_default)

    with pytest.raises(TriggerUnusable, match="install lgpio"):
        ButtonTrigger(17)
    assert not recwarn


def test_a_box_without_gpiozero_is_one_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "gpiozero", None)

    with pytest.raises(TriggerUnusable, match="gpiozero is not installed"):
        ButtonTrigger(17)


def test_an_error_of_the_pin_library_itself_is_one_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    factory = MockFactory()
    monkeypatch.setattr(factory, "pin", lambda name: (_ for _ in ()).throw(RuntimeError("'GPIO busy'")))

    with pytest.raises(TriggerUnusable, match="GPIO busy"):
        ButtonTrigger(17, factory=factory)
