"""All looks at once, and an answer in time whatever hangs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import TypeVar

from cluster.health.finding import Examined, Finding, State

T = TypeVar("T")

SECONDS = 2.5
"""How long looks may take. With the start of the program and the printing, a report takes less than five."""


@dataclass(frozen=True, slots=True)
class Check:
    """One part and the look at it, which may raise.

    `blind` is what that means: failed where the part itself gave no answer, unknown where another one hides it.
    """

    part: str
    look: Callable[[], Finding]
    blind: State = State.UNKNOWN
    next_step: str = ""


def examine(checks: Sequence[Check], seconds: float = SECONDS) -> list[Examined]:
    """Every part's finding, in the order of the checks; a look that is not back in time is left behind.

    Each has a thread of its own that does not keep the process alive: one that waits for a dead disk or server cannot
    be ended, and nobody waits for it.
    """
    began, answers = time.monotonic(), SimpleQueue[Examined]()
    for check in checks:
        threading.Thread(target=_look, args=(check, answers), daemon=True, name=check.part).start()
    found: dict[str, Examined] = {}
    while len(found) < len(checks) and (left := began + seconds - time.monotonic()) > 0:
        try:
            answer = answers.get(timeout=left)
        except Empty:
            break
        found[answer.part] = answer
    return [found.get(check.part) or _late(check, seconds) for check in checks]


def _look(check: Check, answers: SimpleQueue[Examined]) -> None:
    began = time.monotonic()
    try:
        finding = check.look()
    except Exception as error:  # one look that fails takes no other along
        finding = Finding(check.blind, _one_line(error), check.next_step)
    answers.put(Examined(check.part, finding, time.monotonic() - began))


def _late(check: Check, seconds: float) -> Examined:
    return Examined(check.part, Finding(check.blind, f"no answer within {seconds:g} s", check.next_step), seconds)


def _one_line(error: Exception) -> str:
    """Drivers' errors go on with the statement and its values, which nobody needs here."""
    lines = [line.strip() for line in str(getattr(error, "orig", None) or error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__)[:300]


def within(seconds: float, call: Callable[[], T]) -> T | None:
    """What the call gives, or None when it raises or takes longer."""
    answers = SimpleQueue[T | None]()

    def run() -> None:
        try:
            answers.put(call())
        except Exception:  # whoever asks goes on without it
            answers.put(None)

    threading.Thread(target=run, daemon=True).start()
    try:
        return answers.get(timeout=seconds)
    except Empty:
        return None
