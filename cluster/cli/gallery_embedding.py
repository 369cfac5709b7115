"""The gallery embedded for a release by a child process, which tells how far it is and ends with this process."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import IO, Any

from cluster import supervisor
from cluster.deployment.running import TakenBack

EVERY_SECONDS = 0.5
"""Something is said at least as often: whoever listens renews its claim."""

GRACE_SECONDS = 5.0


def embedding(name: str) -> Iterator[str]:
    """What is being done, until every face is embedded. Raises TakenBack; closed, it ends the child.

    What is raised names persons by their ids, since it is kept; the line before it has their names.
    """
    last: dict[str, Any] = {}
    with tempfile.TemporaryFile("w+") as complaints, _child(name, complaints) as child:
        assert child.stdout is not None
        yield (said := doing(name, last))
        for line in _lines(child.stdout):
            last = json.loads(line) if line else last
            said = said if "embedded" in last else doing(name, last)  # the outcome comes last
            yield said
        if child.wait():
            if lost := _lost(last):
                yield _nothing_left(lost, "person")
            complaints.seek(0)
            raise TakenBack(f"the gallery cannot be embedded by {name}: {reason(name, last, complaints.read())}")


def doing(name: str, line: Mapping[str, Any]) -> str:
    """A line of the child in words."""
    if "waiting" in line:
        return f"another re-embedding of the gallery is at work; that for {name} waits for its end"
    said = f"embedding the gallery for {name}"
    if "total" not in line:
        return said
    left = line["seconds_left"]
    return f"{said}: {line['done']:,} of {line['total']:,} faces" + (f", about {about(left)} left" if left else "")


def about(seconds: float) -> str:
    """A time as one says it: 40 s, 3 min, 2.5 h."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = seconds / 60
    return f"{minutes:.0f} min" if minutes < 90 else f"{minutes / 60:.1f} h"


def reason(name: str, last: Mapping[str, Any], complaints: str) -> str:
    """Who is lost, when the child came to its end; else the last thing that it complained of."""
    if lost := _lost(last):
        return (
            f"{_nothing_left(lost, 'person_id')}; enrol other photographs of them, or remove them "
            f"('doorbell gallery reembed --release {name}' has their names)"
        )
    lines = [line.strip() for line in complaints.splitlines() if line.strip()]
    if lines:
        return lines[-1].removeprefix("doorbell: ")
    return f"it was stopped with {last.get('remaining', 'all')} faces to go"


def _lost(last: Mapping[str, Any]) -> list[dict[str, str]]:
    """The failures of those who have no embedding left."""
    return [each for each in last.get("failures", ()) if each["person"] in last["without"]]


def _nothing_left(lost: list[dict[str, str]], named_by: str) -> str:
    who = ", ".join(dict.fromkeys(each[named_by] for each in lost))
    return f"nothing is left to recognize {who} by ({lost[0][named_by]}: {lost[0]['reason']})"


@contextmanager
def _child(name: str, complaints: IO[str]) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "cluster.cli.main", "gallery", "reembed", "--release", name, "--wait", "--json"]
    environment = os.environ | {supervisor.INSIDE: str(os.getpid())}
    # A session of its own: Ctrl-C is for this process to answer.
    child = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=complaints, start_new_session=True
    )
    try:
        yield child
    finally:
        child.terminate()
        try:
            child.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()  # what is embedded stays embedded
            child.wait()


def _lines(output: IO[bytes]) -> Iterator[bytes]:
    """Each line as it comes, and an empty one whenever half a second brought none."""
    rest = b""
    while True:
        ready, _, _ = select.select([output], [], [], EVERY_SECONDS)
        if not ready:
            yield b""
            continue
        part = os.read(output.fileno(), 2**16)
        if not part:
            return
        *whole, rest = (rest + part).split(b"\n")
        yield from whole
