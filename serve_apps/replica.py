"""What a replica does in its constructor before anything else, and when all is built."""

from __future__ import annotations

import ctypes
import logging
import os
import sys
from typing import Any

LOOPBACK_ONLY = "DOORBELL_LOOPBACK_ONLY"

SWITCH_SECONDS = 0.0005
"""How long a thread may keep the interpreter when another wants it. Python's 5 ms would be a tenth of the promise, each
time a replica's event loop waits for its database or engine thread."""


def settle_in(*loggers: str) -> None:
    """Call it before anything else is built; `loggers` of other folders write into the replica's log too."""
    sys.setswitchinterval(SWITCH_SECONDS)
    for name in ("serve_apps", *loggers):
        log_with_serve(name)
    if os.environ.get(LOOPBACK_ONLY) == "1":
        _keep_to_loopback()


class _Onward(logging.Handler):
    """Gives a line to Serve's logger, and has it written now: Serve keeps the last thousand for later."""

    def emit(self, record: logging.LogRecord) -> None:
        serve = logging.getLogger("ray.serve")
        serve.handle(record)
        for handler in serve.handlers:
            handler.flush()


def log_with_serve(name: str = "serve_apps") -> None:
    """Send what the application logs to the replica's log file; Serve itself takes no notice of other loggers."""
    ours = logging.getLogger(name)
    if not ours.handlers:
        ours.addHandler(_Onward())
        ours.setLevel(logging.INFO)
        ours.propagate = False


def return_freed_memory() -> None:
    """Give the system what building has freed: a graph is parsed in 40 MB that glibc would keep for later.

    Does nothing where the C library has no malloc_trim.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def _keep_to_loopback() -> None:
    """Serve 2.60 binds a replica's gRPC server to every address and has no setting for that; it starts it later."""
    from ray.serve._private import replica

    module: Any = replica
    add_port = module.add_port_to_grpc_server

    def add_loopback_port(server: object, address: str) -> object:
        return add_port(server, address.replace("[::]", "127.0.0.1"))

    module.add_port_to_grpc_server = add_loopback_port
