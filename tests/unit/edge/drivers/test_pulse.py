from __future__ import annotations

from collections.abc import Callable, Iterator
from threading import Event

import pytest

pytest.importorskip("gpiozero")
from gpiozero.pins.mock import MockFactory, MockPin
from structlog.testing import capture_logs

from edge.cue import Cue
from edge.drivers.led import Led
from edge.drivers.pulse import Pulse, steps
from edge.drivers.relay import Relay
from edge.errors import FeedbackUnusable
from edge.settings.triggers import LedSettings, RelaySettings


class Wire(MockPin):
    """A simulated pin that tells when it has changed so often."""

    def __init__(self, *arguments: object) -> None:
        self.changed: list[bool] = []
        self._wanted = (0, Event())
        super().__init__(*arguments)

    def after(self, changes: int) -> list[bool]:
        """Wait for so many changes; return the states."""
        count, reached = self._wanted = (changes, Event())
        if len(self.changed) < count:
            assert reached.wait(5), self.changed
        return self.changed

    def _set_state(self, value: bool) -> None:
        was = self._state
        super()._set_state(value)
        if bool(value) != was:
            self.changed.append(bool(value))
            if len(self.changed) >= self._wanted[0]:
                self._wanted[1].set()


@pytest.fixture
def factory() -> Iterator[MockFactory]:
    factory = MockFactory(pin_class=Wire)
    yield factory
    factory.reset()


Relays = Callable[..., Relay]


@pytest.fixture
def a_relay(factory: MockFactory) -> Iterator[Relays]:
    made: list[Relay] = []

    def make(seconds: float = 0.01) -> Relay:
        made.append(Relay(RelaySettings(driver="relay", pin=22, seconds=seconds, when=("known",)), factory))
        return made[-1]

    yield make
    for each in made:
        each.close()


def _cue(frame_id: str, *, fresh: bool = True) -> Cue:
    return Cue("known", "front", "button", frame_id, "known", is_fresh=fresh)


def test_a_light_goes_on_and_off_again(factory: MockFactory) -> None:
    led = Led(LedSettings(driver="led", pin=17, seconds=0.01, when=("known",)), factory)
    wire = factory.pin(17)
    assert not wire.state

    led.react(_cue("1"))

    assert wire.after(2) == [True, False]
    led.close()


def test_a_light_blinks_so_many_times_and_ends_dark(factory: MockFactory) -> None:
    led = Led(LedSettings(driver="led", pin=17, seconds=0.03, blinks=3, when=("known",)), factory)

    led.react(_cue("1"))

    assert factory.pin(17).after(6) == [True, False] * 3
    led.close()


def test_the_newest_cue_cuts_the_one_before_short(factory: MockFactory) -> None:
    pulse = Pulse("light", 17, seconds=0.02, factory=factory)
    wire = factory.pin(17)
    pulse._steps = steps(3600.0, 1)
    pulse.start()
    wire.after(1)

    pulse._steps = steps(0.01, 2)
    pulse.start()

    assert wire.after(4) == [True, False, True, False], "on throughout the change, then the second pattern"
    pulse.close()


def test_a_light_that_shines_goes_dark_when_the_agent_ends(factory: MockFactory) -> None:
    pulse = Pulse("light", 17, seconds=3600.0, factory=factory)
    wire = factory.pin(17)
    pulse.start()
    wire.after(1)

    pulse.close()

    assert wire.changed == [True, False]
    assert not pulse._thread.is_alive()
    assert pulse._device.closed


def test_a_relay_that_is_on_at_low_starts_high(factory: MockFactory) -> None:
    pulse = Pulse("relay", 17, seconds=0.01, active_high=False, factory=factory)
    wire = factory.pin(17)
    assert wire.state

    pulse.start()

    assert wire.after(3)[-2:] == [False, True]
    pulse.close()


def test_a_relay_closes_once_for_a_frame_that_is_answered_twice(factory: MockFactory, a_relay: Relays) -> None:
    relay = a_relay()
    wire = factory.pin(22)

    relay.react(_cue("1"))
    wire.after(2)
    relay.react(_cue("1"))
    relay.react(_cue("2"))

    assert wire.after(4) == [True, False, True, False]
    assert relay._pulse._started == 2


def test_a_relay_stays_open_for_an_answer_that_came_late(factory: MockFactory, a_relay: Relays) -> None:
    relay = a_relay()

    with capture_logs() as logs:
        relay.react(_cue("1", fresh=False))

    assert relay._pulse._started == 0
    assert factory.pin(22).changed == []
    assert [entry["event"] for entry in logs] == ["relay.held_back"]


def test_a_late_answer_does_not_use_up_the_frame(factory: MockFactory, a_relay: Relays) -> None:
    relay = a_relay()

    relay.react(_cue("1", fresh=False))
    relay.react(_cue("1"))

    assert factory.pin(22).after(2) == [True, False]


def test_a_pin_that_breaks_is_logged_and_tried_again(factory: MockFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    pulse = Pulse("light", 17, seconds=0.001, factory=factory)
    broken = Event()

    class Broken:
        @property
        def value(self) -> bool:
            return False

        @value.setter
        def value(self, is_on: bool) -> None:
            broken.set()
            raise RuntimeError("the pin library broke")

    device, pulse._device = pulse._device, Broken()
    with capture_logs() as logs:
        pulse.start()
        assert broken.wait(5)
        with pulse._change:
            pulse._device = device
    pulse.start()

    assert factory.pin(17).after(2)[:2] == [True, False]
    assert logs[0]["event"] == "output.failed"
    pulse.close()


def test_a_pin_that_is_taken_is_one_clear_error(factory: MockFactory, a_relay: Relays) -> None:
    a_relay()

    with pytest.raises(FeedbackUnusable, match="pin 22 cannot be a light: it is in use already"):
        Led(LedSettings(driver="led", pin=22, when=("known",)), factory)
