"""A part of a measurement in a process of its own, told and heard by lines of JSON, and never left behind."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any

GRACE_SECONDS = 5.0


class MeasurementFailed(Exception):
    """Why there is no figure: one line."""


@dataclass(frozen=True, slots=True)
class Child:
    """A running Python module of ours; `log` is what it prints on standard error, where that is not shown."""

    process: subprocess.Popen[str]
    module: str
    log: IO[str] | None = None

    def tell(self, message: Mapping[str, Any]) -> None:
        """One line to its standard input. Raises MeasurementFailed when it has ended."""
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(json.dumps(message) + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            raise MeasurementFailed(f"{self.module} has ended before its time") from None

    def hear(self) -> dict[str, Any]:
        """The next line of its standard output. Raises MeasurementFailed when it has ended."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise MeasurementFailed(f"{self.module} ended with status {self.process.wait()}{self._last_words()}")
        heard: dict[str, Any] = json.loads(line)
        return heard

    def _last_words(self) -> str:
        if self.log is None:
            return ""
        self.log.seek(0)
        lines = self.log.read().split("\n")
        return next((f": {line.strip()}" for line in reversed(lines) if line.strip()), "")


@contextlib.contextmanager
def child(
    module: str, arguments: Sequence[str] = (), environment: Mapping[str, str] | None = None, *, quiet: bool = False
) -> Iterator[Child]:
    """`python -m module`, ended by its id when the block is left; `quiet` keeps its standard error for a failure."""
    command = [sys.executable, "-m", module, *arguments]
    pipe = subprocess.PIPE
    with contextlib.ExitStack() as stack:
        log = stack.enter_context(tempfile.TemporaryFile("w+")) if quiet else None
        process = subprocess.Popen(  # noqa: S603 our own module
            command,
            stdin=pipe,
            stdout=pipe,
            stderr=log,
            text=True,
            env=environment,
            start_new_session=True,  # Ctrl-C is for the parent
        )
        stack.callback(end, process)
        yield Child(process, module, log)


def end(process: subprocess.Popen[str]) -> None:
    """Close what is between us, and end it in order, or else at once."""
    if process.stdin is not None:
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
    process.terminate()
    try:
        process.wait(GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()
