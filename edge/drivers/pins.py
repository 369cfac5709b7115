"""Pins of the box, and what all triggers on a pin have in common."""

from __future__ import annotations

import contextlib
import os
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import Empty, SimpleQueue
from tempfile import TemporaryDirectory
from threading import Event
from typing import Any

from edge.errors import TriggerUnusable, Unusable
from edge.trigger import Firing, TriggerKind

_STOP_CHECK_S = 0.2


def opened_pin(thing: str, pin: int | str, error: type[Unusable], open_device: Callable[[Any], Any]) -> Any:
    """Return what `open_device` makes with gpiozero; `thing` is what hangs on the pin. Raises `error`."""
    try:
        import gpiozero  # type: ignore[import-untyped]  # it ships no types
    except ImportError as missing:
        raise error(f"gpiozero is not installed, so no {thing} works", "install gpiozero and lgpio") from missing
    try:
        with warnings.catch_warnings():
            # gpiozero tells of each pin library that it tried in vain; the error below says what came of it.
            warnings.simplefilter("ignore")
            import_lgpio()
            return open_device(gpiozero)
    except gpiozero.BadPinFactory as failure:
        raise error(
            f"pin {pin} cannot be a {thing}: {failure}",
            "run on a box with GPIO and install lgpio, or set GPIOZERO_PIN_FACTORY",
        ) from failure
    except gpiozero.GPIOPinInUse as failure:
        raise error(
            f"pin {pin} cannot be a {thing}: it is in use already", "give each thing a pin of its own"
        ) from failure
    except Exception as failure:
        # Below gpiozero each pin library has errors of its own, such as lgpio.error for a pin of another program.
        raise error(
            f"pin {pin} cannot be a {thing}: {failure}", "check the pin, the wiring and who else uses it"
        ) from failure


def import_lgpio() -> None:
    """Import lgpio, where gpiozero would, from wherever the process runs; without it gpiozero tries others.

    With its import lgpio makes a named pipe in the folder LG_WD, or in the working folder, where a service may not
    write, and changes to that folder. It opens both ends at once, so that the folder may go again.
    """
    if "lgpio" in sys.modules or os.environ.get("GPIOZERO_PIN_FACTORY", "lgpio") != "lgpio" or "LG_WD" in os.environ:
        return
    here = Path.cwd()
    with TemporaryDirectory(prefix="doorbell-edge-") as folder:
        os.environ["LG_WD"] = folder
        try:
            with contextlib.suppress(Exception):
                __import__("lgpio")
        finally:
            del os.environ["LG_WD"]
            os.chdir(here)


class Presses:
    """Tells presses from bounce; whatever follows within `debounce_s` seconds of an edge is bounce.

    A press counts once it was held for `hold_s` seconds, for which a release shorter than `debounce_s` is none.
    """

    def __init__(self, debounce_s: float, hold_s: float = 0.0) -> None:
        self._debounce_s = debounce_s
        self._hold_s = hold_s
        self._last_edge_s = float("-inf")
        self._pressed_s: float | None = None
        self._is_down = False

    @property
    def due_s(self) -> float | None:
        """When the press in hand counts, if nobody lets go before; None when there is none."""
        return self._pressed_s + self._hold_s if self._pressed_s is not None and self._is_down else None

    def edge(self, down: bool, at_s: float) -> float | None:
        """Hear one edge, down or up. Return when the press began that counted before it or with it, if one did."""
        counted = self.held_until(at_s)
        quiet = at_s - self._last_edge_s >= self._debounce_s
        self._last_edge_s = at_s
        self._is_down = down
        if down and quiet:
            self._pressed_s = at_s
        return counted if counted is not None else self.held_until(at_s)

    def held_until(self, now_s: float) -> float | None:
        """Return when the press began that counts by now, once for each press."""
        if self.due_s is None or now_s < self.due_s:
            return None
        began_s, self._pressed_s = self._pressed_s, None
        return began_s


class PinTrigger:
    """Fires on presses, or rising edges, of an open gpiozero input device."""

    def __init__(
        self, device: Any, kind: TriggerKind, presses: Presses, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._edges: SimpleQueue[tuple[bool, float]] = SimpleQueue()
        self._kind = kind
        self._presses = presses
        self._clock = clock
        self._device = device
        # The edges are dated here and judged in the trigger's own thread, so that no edge waits for another.
        device.when_activated = self._went_down
        device.when_deactivated = self._went_up

    def firings(self, stop: Event) -> Iterator[Firing]:
        while not stop.is_set():
            began_s = self._next_press(self._patience_s())
            if began_s is not None:
                yield Firing(self._kind, began_s)

    def close(self) -> None:
        self._device.close()

    def _next_press(self, timeout_s: float) -> float | None:
        try:
            down, at_s = self._edges.get(timeout=timeout_s)
        except Empty:
            return self._presses.held_until(self._clock())
        return self._presses.edge(down, at_s)

    def _patience_s(self) -> float:
        due_s = self._presses.due_s
        return _STOP_CHECK_S if due_s is None else min(_STOP_CHECK_S, max(0.0, due_s - self._clock()))

    def _went_down(self) -> None:
        self._edges.put((True, self._clock()))

    def _went_up(self) -> None:
        self._edges.put((False, self._clock()))


def input_device(thing: str, pin: int | str, *, pull_up: bool, factory: object | None) -> Any:
    """Return a gpiozero device that reports both edges of the pin. Raises TriggerUnusable.

    It is the plain DigitalInputDevice: Button starts a thread for its own idea of holding, and MotionSensor reads the
    pin ten times a second instead of waiting for an edge, which finds a person 50 ms later on the average.
    """
    return opened_pin(
        thing,
        pin,
        TriggerUnusable,
        lambda gpiozero: gpiozero.DigitalInputDevice(pin, pull_up=pull_up, pin_factory=factory),
    )
