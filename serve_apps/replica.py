"""What a replica does in its constructor before anything else, and when all is built."""

from __future__ import annotations

import ctypes
import logging
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cluster.monitoring.error_counts import ErrorCounts
from cluster.monitoring.levels import Levels
from cluster.monitoring.logs import FOLDER, Writer, log_to_files, plainly, seldom
from cluster.monitoring.meter import Meter
from cluster.monitoring.metrics import DROPPED
from serve_apps.database import connect
from serve_apps.log_levels import wished
from serve_apps.niceness import come_forward
from serve_apps.settings import load

LOOPBACK_ONLY = "DOORBELL_LOOPBACK_ONLY"

SWITCH_SECONDS = 0.0005
"""How long a thread may keep the interpreter when another wants it. Python's 5 ms would be a tenth of the promise, each
time a replica's event loop waits for its database or engine thread."""

_ALWAYS: dict[str, object] = {}


def settle_in(*loggers: str, behind: bool = False) -> None:
    """Call it before anything else is built; `loggers` of other folders write into the replica's log too.

    `behind`: others on the machine come first until `come_forward` is called.
    """
    if not behind:
        come_forward()
    sys.setswitchinterval(SWITCH_SECONDS)
    lose_lines_quietly()
    names = ("serve_apps", "cluster", *loggers)
    database, numbers = connect(load().database_url), meter()
    # The meter at hand: to ask for it is to read the settings, which a full disk would do for each line in the loop.
    log_to_files(names, _writer(), lambda reason: numbers.add(DROPPED, "logs", reason))
    for name in names:
        log_with_serve(name)
        count_errors(name, numbers)
    Levels(lambda: wished(database)).start()
    keep_to_loopback()


class _Onward(logging.Handler):
    """Gives a line to Serve's logger, and has it written now: Serve keeps the last thousand for later."""

    def emit(self, record: logging.LogRecord) -> None:
        serve = logging.getLogger("ray.serve")
        serve.handle(plainly(record))
        for handler in serve.handlers:
            handler.flush()


def log_with_serve(name: str = "serve_apps") -> None:
    """Send what the application logs to the replica's log file; Serve itself takes no notice of other loggers."""
    ours = logging.getLogger(name)
    if not any(isinstance(handler, _Onward) for handler in ours.handlers):
        onward = _Onward()
        onward.addFilter(seldom)
        ours.addHandler(onward)
        ours.setLevel(logging.INFO)
        ours.propagate = False


def lose_lines_quietly() -> None:
    """Have no line written about a line that could not be.

    Serve sends a replica's standard error into its log. On a full disk a line that is lost would make thirty new ones
    of its traceback, each of them lost, without end and in the event loop.
    """
    logging.raiseExceptions = False


def say_always(**facts: object) -> None:
    """Have every line of this process say so from now on."""
    _ALWAYS.update(facts)


def own_id() -> str:
    """Serve's id of this replica; empty elsewhere."""
    return str(_ALWAYS.get("replica", ""))


def _writer() -> Writer:
    """This replica's lines, in the log folder of the node's Ray session."""
    import ray
    from ray import serve
    from ray.serve._private.logging_utils import get_serve_logs_dir

    me = serve.get_replica_context()
    say_always(
        application=me.app_name,
        replica=me.replica_id.unique_id,
        node=ray.get_runtime_context().get_node_id(),
        pid=os.getpid(),
    )
    return Writer(Path(get_serve_logs_dir()).parent / FOLDER, f"{me.app_name}-{os.getpid()}", _known)


def _known() -> Mapping[str, object]:
    """With Serve's id of the request at hand, which goes along with every call to another application."""
    from ray.serve.context import _get_serve_request_context

    return {**_ALWAYS, "request_id": _get_serve_request_context().request_id or None}


def meter() -> Meter:
    """Takes what this process counts; nobody does where instrumentation is off. Raises SettingsError."""
    from cluster.monitoring import ray_metrics

    return ray_metrics.meter(on=load().instrumentation == "on")


def count_errors(name: str, numbers: Meter) -> None:
    """Count what is logged under this name from now on, once."""
    logger = logging.getLogger(name)
    if not any(isinstance(each, ErrorCounts) for each in logger.handlers):
        logger.addHandler(ErrorCounts(numbers))


def return_freed_memory() -> None:
    """Give the system what building has freed: a graph is parsed in 40 MB that glibc would keep for later.

    Does nothing where the C library has no malloc_trim.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def keep_to_loopback() -> None:
    """Where DOORBELL_LOOPBACK_ONLY says so: Serve 2.60 binds a replica's gRPC server to every address, and later."""
    if os.environ.get(LOOPBACK_ONLY) != "1":
        return
    from ray.serve._private import replica

    module: Any = replica
    add_port = module.add_port_to_grpc_server

    def add_loopback_port(server: object, address: str) -> object:
        return add_port(server, address.replace("[::]", "127.0.0.1"))

    module.add_port_to_grpc_server = add_loopback_port
