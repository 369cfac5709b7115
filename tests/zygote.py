"""Starts agents fast: imports `doorbell-edge` once, then forks a new process for each line it reads.

    echo "/tmp/edge.yaml /tmp/log" | python tests/zygote.py

prints the process's id. Each agent is a process like any other, with its own threads and files, which SIGKILL ends.
"""

from __future__ import annotations

import os
import signal
import sys

from edge.cli import main


def agent(config: str, log: str) -> None:
    os.dup2(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), 2)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    main(["run", "--config", config, "--json"])


def serve() -> None:
    # Children that end are nobody's to wait for.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in iter(sys.stdin.readline, ""):
        child = os.fork()
        if child == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            agent(*line.split())
        print(child, flush=True)


if __name__ == "__main__":
    serve()
