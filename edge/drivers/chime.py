"""A program that is run at the door's moments, such as one that plays a sound."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from queue import Full, Queue
from threading import Event, Thread

import structlog

from edge.cue import Cue, Once
from edge.errors import FeedbackUnusable
from edge.settings.triggers import ChimeSettings

log = structlog.get_logger(__name__)

_POLL_S = 0.1
_JOIN_S = 2.0
_LONGEST_VALUE = 500
_SECRETS = "DOORBELL_EDGE_"
"""No variable that begins so is passed on: the agent's key is one of them."""


class Chime:
    """Runs the program once for each frame and moment, one at a time, and never for an answer that came late.

    A cue that comes while it runs is not made up for. The program has no shell around it and no input or output; after
    `longest_s` it is killed with all that it started.
    """

    def __init__(self, settings: ChimeSettings) -> None:
        """Look for the program. Raises FeedbackUnusable when there is none."""
        if shutil.which(settings.command[0]) is None:
            raise FeedbackUnusable(
                f"the chime's program {settings.command[0]!r} is not there or may not be run",
                "install it, or write its whole path",
            )
        self._settings = settings
        self._once = Once()
        self._next: Queue[Cue | None] = Queue(1)
        self._busy = Event()
        self._stop = Event()
        self._thread = Thread(target=self._run, name="chime", daemon=True)
        self._thread.start()

    def react(self, cue: Cue) -> None:
        if not cue.is_fresh or (cue.frame_id and not self._once.is_first(f"{cue.moment} {cue.frame_id}")):
            return
        with suppress(Full):
            if not self._busy.is_set():
                self._next.put_nowait(cue)
                return
        log.info("chime.busy", frame_id=cue.frame_id, moment=cue.moment)

    def close(self) -> None:
        """Kill the program if it runs."""
        self._stop.set()
        with suppress(Full):
            self._next.put_nowait(None)
        self._thread.join(_JOIN_S)

    def _run(self) -> None:
        while (cue := self._next.get()) is not None and not self._stop.is_set():
            self._busy.set()
            try:
                self._play(cue)
            except (OSError, ValueError) as error:
                # The program may be gone since the start of the box.
                log.error("chime.failed", command=self._settings.command[0], reason=str(error))
            self._busy.clear()

    def _play(self, cue: Cue) -> None:
        nothing = subprocess.DEVNULL
        program = subprocess.Popen(  # noqa: S603  # the owner of the box names it in the settings file
            self._settings.command,
            stdin=nothing,
            stdout=nothing,
            stderr=nothing,
            env=environment(cue, os.environ),
            start_new_session=True,
        )
        end_s = time.monotonic() + self._settings.longest_s
        while program.poll() is None:
            if self._stop.wait(_POLL_S) or time.monotonic() >= end_s:
                # Its children, too: a shell script's player would sound on.
                os.killpg(program.pid, signal.SIGKILL)
                program.wait()
                log.warning("chime.killed", command=self._settings.command[0], longest_s=self._settings.longest_s)
                return
        if program.returncode:
            log.warning("chime.failed", command=self._settings.command[0], status=program.returncode)


def environment(cue: Cue, of_the_agent: Mapping[str, str]) -> dict[str, str]:
    """Return what the program finds in its environment: the agent's own without its secrets, and the moment."""
    told = {
        "MOMENT": cue.moment,
        "CAMERA": cue.camera_id,
        "VERDICT": cue.verdict,
        "WHO": ", ".join(cue.who),
        "FRAME_ID": cue.frame_id,
    }
    kept = {name: value for name, value in of_the_agent.items() if not name.startswith(_SECRETS)}
    return kept | {f"DOORBELL_{name}": _printable(value) for name, value in told.items()}


def _printable(value: str) -> str:
    """Return the value without control characters: names come from outside, and no variable can hold a NUL."""
    return "".join(character for character in value if character.isprintable())[:_LONGEST_VALUE]
