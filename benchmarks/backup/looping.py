"""Snapshots one behind the other for a while, in a process that stands back as the cluster's own does.

A line `{"seconds": …}` on standard input begins; the answer says when each of them began and ended, in epoch seconds.
"""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import asdict, dataclass

from backup.errors import Busy
from backup.rounds import YIELDING
from backup.standing_back import StandingBack


@dataclass(frozen=True, slots=True)
class Window:
    """A snapshot from its beginning to its end, in epoch seconds, and what it put."""

    began: float
    ended: float
    bytes_uploaded: int

    def meets(self, began: float, ended: float) -> bool:
        """Whether any of that time lies in it."""
        return began <= self.ended and ended >= self.began


def main() -> None:
    """Until standard input ends."""
    from backup.snapshot import Taken, snapshot
    from cluster.cli import backed_up
    from cluster.cli.backup import now
    from serve_apps.settings import load

    os.nice(YIELDING)
    settings = load()
    state, opened, apart = backed_up.state(settings), backed_up.repository(settings), backed_up.keyring_place(settings)

    standing_back = StandingBack()

    def taken() -> Taken:
        while True:
            try:
                with standing_back() as behind:
                    return snapshot(state, opened, apart, now, behind=behind)
            except Busy:  # the cluster's own process takes its last one
                time.sleep(0.2)

    taken()
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        ends, windows = time.time() + json.loads(line)["seconds"], []
        while (began := time.time()) < ends:
            uploaded = taken().bytes_uploaded
            windows.append(Window(began, time.time(), uploaded))
        print(json.dumps({"windows": [asdict(window) for window in windows]}), flush=True)


if __name__ == "__main__":
    main()
