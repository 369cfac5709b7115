"""The processes of a cluster: which they are, and what each of them holds.

`resident_mb` is what a process alone holds and has written (Private_Dirty of /proc/PID/smaps_rollup, and what of it
was swapped out): the memory that only its end would give back. The resident set also counts pages of libraries that
processes share and that the kernel takes back at will; it moves when another process starts or ends, and when code is
run for the first time.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

_METHOD = re.compile(r"\.\w+$")
"""Ray adds what an actor is doing to its title: `ray::ServeController.listen_for_change`."""

_FORKED = re.compile(r"from multiprocessing\.(\w+) import")


@dataclass(frozen=True, slots=True)
class Holding:
    """What a process holds at one moment; MB are 10^6 bytes."""

    frames: int
    resident_mb: float
    rss_mb: float
    open_files: int
    threads: int


@dataclass(frozen=True, slots=True)
class Life:
    """One process and its holdings in their order. Another process with the same name is another life."""

    name: str
    pid: int
    holdings: list[Holding] = field(default_factory=list)


class Watch:
    """Every process below a root, from sample to sample, also those that come and go."""

    def __init__(self, root: int) -> None:
        """`root` is a process id; it is not watched itself."""
        self._root = psutil.Process(root)
        self._lives: dict[psutil.Process, Life] = {}  # equal by id and start, since ids are used again

    @property
    def lives(self) -> list[Life]:
        """In the order in which they were first seen."""
        return list(self._lives.values())

    def sample(self, frames: int) -> None:
        """Look at all of them after so many frames."""
        for process in self._root.children(recursive=True):
            try:
                held = _holding(process, frames)
                life = self._lives.get(process) or Life(name_of(process.cmdline(), process.name()), process.pid)
            except (psutil.Error, OSError):
                continue  # it ended while it was looked at
            self._lives.setdefault(process, life).holdings.append(held)


def below(process_id: int, name: str) -> list[psutil.Process]:
    """Those that descend from a process and have `name` in their command line."""
    found = []
    for process in psutil.Process(process_id).children(recursive=True):
        with suppress(psutil.Error):  # it has just ended
            if name in " ".join(process.cmdline()):
                found.append(process)
    return found


def name_of(command: Sequence[str], fallback: str) -> str:
    """What people call a process with this command line: Ray's titles without their marks, or a program's name."""
    title = " ".join(command).strip()
    first = title.split(" ", 1)[0]
    if first.startswith(("ray::", "ray-dashboard")):
        return _METHOD.sub("", first.removeprefix("ray::"))
    if forked := _FORKED.search(title):
        return forked[1]
    if "-m" in command[:-1]:
        return command[command.index("-m") + 1]
    scripts = [Path(part).name for part in command if part.endswith(".py")]
    return scripts[0] if scripts else Path(first).name or fallback


def private_written_kb(rollup: str) -> int:
    """Kilobytes that only this process holds and has written, from the text of an smaps_rollup."""
    fields = dict(line.split(":", 1) for line in rollup.splitlines()[1:])
    return sum(int(fields[name].split()[0]) for name in ("Private_Dirty", "Swap"))


def _holding(process: psutil.Process, frames: int) -> Holding:
    kb = private_written_kb(Path(f"/proc/{process.pid}/smaps_rollup").read_text())
    return Holding(
        frames=frames,
        resident_mb=round(kb * 1024 / 1e6, 3),
        rss_mb=round(process.memory_info().rss / 1e6, 3),
        open_files=process.num_fds(),
        threads=process.num_threads(),
    )
