"""A part of a measurement in a process of its own, told and heard by lines of JSON, and never left behind."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

GRACE_SECONDS = 5.0


class MeasurementFailed(Exception):
    """Why there is no figure: one line."""


@dataclass(frozen=True, slots=True)
class Child:
    """A running Python module of ours."""

    process: subprocess.Popen[str]
    module: str

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
            raise MeasurementFailed(f"{self.module} ended with status {self.process.wait()}")
        heard: dict[str, Any] = json.loads(line)
        return heard


@contextlib.contextmanager
def child(module: str, arguments: Sequence[str] = (), environment: Mapping[str, str] | None = None) -> Iterator[Child]:
    """`python -m module`, ended by its id when the block is left."""
    command = [sys.executable, "-m", module, *arguments]
    pipe = subprocess.PIPE
    process = subprocess.Popen(  # noqa: S603 our own module
        command,
        stdin=pipe,
        stdout=pipe,
        text=True,
        env=environment,
        start_new_session=True,  # Ctrl-C is for the parent
    )
    try:
        yield Child(process, module)
    finally:
        end(process)


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
