"""What says that somebody reads a repository, prunes it, or changes its keys: `holds/<id>`, removed when it ends.

A snapshot needs none, and so no right to delete. Who was killed leaves a hold; it counts until its process is known
to be gone, or for a day. Where nothing may be deleted, a hold that has ended says so.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

from backup.errors import NoSuchObject, TargetRefused
from backup.targets.target import Target

FOLDER = "holds/"
LIFE = timedelta(days=1)
CHANGE = timedelta(minutes=15)
"""Of a change of keys, which takes seconds."""
Purpose = Literal["keys", "prune", "read", "replicate"]


@dataclass(frozen=True, slots=True)
class Hold:
    """`snapshot` is what is read, empty for all. `where` names the machine's start and its process namespace."""

    name: str
    purpose: str
    snapshot: str
    where: str
    process: int
    begun: str
    since: datetime
    ended: bool = False

    def is_alive(self, now: datetime) -> bool:
        """`now` by the target's clock."""
        if self.ended:
            return False
        if self.where == _where():
            begun = _begun(self.process)
            return begun is not None and self.begun in ("", begun)  # another process may have its number by now
        return now - self.since < (CHANGE if self.purpose == "keys" else LIFE)


@contextmanager
def held(target: Target, purpose: Purpose, snapshot: str = "") -> Iterator[str]:
    """The hold's name. A key that may only read goes without one."""
    name = f"{FOLDER}{purpose}-{secrets.token_hex(8)}"
    mine = {"process": os.getpid(), "begun": _begun(os.getpid())}
    content = {"purpose": purpose, "snapshot": snapshot, "where": _where(), **mine}
    with suppress(TargetRefused):
        target.put(name, json.dumps(content).encode())
    try:
        yield name
    finally:
        try:
            target.delete(name)
        except TargetRefused:
            with suppress(TargetRefused):
                target.put(name, json.dumps(content | {"ended": True}).encode())


def others(target: Target, mine: str) -> tuple[list[Hold], datetime]:
    """Every living hold but mine, and the target's time, by my own. Dead ones are removed."""
    found = [hold for stored in target.list(FOLDER) if (hold := _read(target, stored.name, stored.modified))]
    now = next((hold.since for hold in found if hold.name == mine), None)
    if now is None:
        raise TargetRefused(f"{target.place} did not keep {mine}: its key must be able to write")
    living = [hold for hold in found if hold.name != mine and hold.is_alive(now)]
    for hold in found:
        if hold.name != mine and hold not in living:
            with suppress(TargetRefused):
                target.delete(hold.name)
    return living, now


def _read(target: Target, name: str, since: datetime) -> Hold | None:
    """What cannot be read counts as somebody who reads everything."""
    try:
        content = json.loads(target.get(name))
        said = (content["purpose"], content["snapshot"], content["where"], content["process"], content.get("begun", ""))
        return Hold(name, *said, since, content.get("ended", False))
    except NoSuchObject:
        return None
    except (ValueError, TypeError, KeyError):
        return Hold(name, "read", "", "", 0, "", since)


def _begun(process: int) -> str | None:
    """When a process of this machine began, in clock ticks from the machine's start; None when it has ended."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return fields[19]  # starttime, the 22nd of proc(5)


def _where() -> str:
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
