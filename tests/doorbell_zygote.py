"""Starts `doorbell` fast: imports the command line once, then forks a process for each call of a program in its place.

    python tests/doorbell_zygote.py SOCKET

The program (`SHIM`) gives its arguments, environment, folder and standard streams, and ends with the command's status.
"""

from __future__ import annotations

import json
import os
import socket
import sys

from cluster.cli import commands, expected
from cluster.cli.main import main

SHIM = """#!{python} -IS
import json, os, socket, sys
call = {{"arguments": sys.argv[1:], "environment": dict(os.environ), "folder": os.getcwd()}}
with socket.socket(socket.AF_UNIX) as zygote:
    zygote.connect({socket!r})
    socket.send_fds(zygote, [b"-"], [0, 1, 2])
    zygote.sendall(json.dumps(call).encode() + b"\\n")
    sys.exit(int(zygote.makefile().readline()))
"""


def run(call: dict, streams: list[int]) -> None:
    """In the child: never returns."""
    for target, stream in enumerate(streams):
        os.dup2(stream, target)
    os.environ.clear()
    os.environ.update(call["environment"])
    os.chdir(call["folder"])
    main(call["arguments"])


def serve(path: str) -> None:
    assert commands.app() is not None
    assert expected.EXPECTED
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path)
        listening.listen()
        print("ready", flush=True)
        while True:
            asked, _ = listening.accept()
            with asked:
                _, streams, _, _ = socket.recv_fds(asked, 1, 3)
                call = json.loads(asked.makefile().readline())
                child = os.fork()
                if child == 0:
                    run(call, streams)
                _, status = os.waitpid(child, 0)
                for stream in streams:
                    os.close(stream)
                asked.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())


if __name__ == "__main__":
    serve(sys.argv[1])
