"""`doorbell-edge check`: what works, and what to do about what does not."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Literal

from edge.errors import Unusable
from edge.settings import EdgeSettings

State = Literal["ok", "look", "bad"]
MARKS: dict[State, str] = {"ok": "  ", "look": "? ", "bad": "! "}


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the screen; `way_out` is empty where nothing has to be done."""

    part: str
    state: State
    found: str
    way_out: str = ""


Look = Callable[[EdgeSettings], Iterable[Finding]]


def findings_of(settings: EdgeSettings) -> Iterator[Finding]:
    """Look at one part after the other; a part that fails never hides another one."""
    from edge.health.checks import LOOKS

    for part, look in LOOKS.items():
        try:
            yield from look(settings)
        except Unusable as error:
            yield Finding(part, "bad", error.what, error.way_out)
        except OSError as error:
            found = f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}"
            yield Finding(part, "bad", found, "check the disk and who owns the file")


def printed(findings: Iterable[Finding], *, as_json: bool) -> int:
    """Print each finding as it comes; return 1 when something is bad, else 0."""
    status = 0
    for finding in findings:
        status = 1 if finding.state == "bad" else status
        if as_json:
            print(json.dumps(asdict(finding)), flush=True)
            continue
        print(f"{MARKS[finding.state]}{finding.part:<12} {finding.found}", flush=True)
        if finding.way_out:
            print(f"{'':<14} -> {finding.way_out}", flush=True)
    return status
