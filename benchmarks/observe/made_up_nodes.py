"""Nodes of which Prometheus hears what a table says, as Ray's agents would say it, and their past hours.

Where a fault cannot be had on one machine, or not without harm, its metric is pushed over instead.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TypeAlias

from benchmarks.child import MeasurementFailed
from cluster.monitoring.plain_names import OF_NODES

PAST_SECONDS = 6 * 3600
PAST_STEP = 30
"""What is there when Prometheus starts: the longest window of a page, in steps of the budgets' rules."""

Shape: TypeAlias = Callable[[float], float | None]
"""A series' value so many seconds after the fault, negative before it; None: there is none."""

PLAIN = {raw: plain for plain, raw in OF_NODES.items()}


@dataclass(frozen=True, slots=True)
class Node:
    """A target of Prometheus': its series by name and labels. `ends`: with the fault it answers no more."""

    host: str
    series: Mapping[str, Shape]
    ends: bool = False
    job: str = "ray"


def stays(value: float) -> Shape:
    """The same before and after."""
    return lambda _: value


def steps(before: float | None, after: float | None) -> Shape:
    """One value before the fault, another one from it on."""
    return lambda t: before if t < 0 else after


def counts(before_per_s: float, after_per_s: float) -> Shape:
    """A counter."""
    return lambda t: max(0.0, PAST_SECONDS + min(t, 0.0)) * before_per_s + max(t, 0.0) * after_per_s


def falls(before: float, per_s: float) -> Shape:
    """A gauge that is lost from the fault on."""
    return lambda t: before - max(t, 0.0) * per_s


def stamp_stops(at: float, age: float = 0.0) -> Shape:
    """A time of the epoch that is so many seconds old; with the fault, at `at`, it stays what it is."""
    return lambda t: at + min(t, 0.0) - age


@contextmanager
def served(node: Node, at: float) -> Iterator[str]:
    """The node's address while the block lasts; the fault is at `at`, in seconds of the epoch."""

    class Metrics(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            t = time.time() - at
            gone = node.ends and t >= 0
            text = "" if gone else "".join(f"{name} {value}\n" for name, value in _values(node, t))
            self.send_response(503 if gone else 200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer((node.host, 0), Metrics)
    thread = threading.Thread(target=server.serve_forever, name="node", daemon=True)
    thread.start()
    try:
        yield f"{node.host}:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def all_served(nodes: Sequence[Node], at: float) -> Iterator[dict[str, Node]]:
    """By address."""
    with ExitStack() as stack:
        yield {stack.enter_context(served(node, at)): node for node in nodes}


def discovery(file: Path, nodes: Mapping[str, Node]) -> None:
    """Ray's file of targets. Raises OSError."""
    targets = [address for address, node in nodes.items() if node.job == "ray"]
    file.write_text(json.dumps([{"labels": {"job": "ray"}, "targets": targets}]))


def with_a_past(folder: Path, nodes: Mapping[str, Node], at: float) -> None:
    """Prometheus' data in `folder`, of the hours before now, under the names that our rules give.

    Raises MeasurementFailed.
    """
    promtool = shutil.which("promtool")
    if promtool is None:
        raise MeasurementFailed("promtool is not installed; on Debian: apt-get install prometheus")
    ends = int(time.time()) // PAST_STEP * PAST_STEP
    moments = range(ends - PAST_SECONDS, ends, PAST_STEP)
    folder.joinpath("data").mkdir(parents=True, exist_ok=True)
    text = folder / "past"
    with text.open("w") as written:
        for address, node in nodes.items():
            for name in node.series:
                for moment in moments:
                    value = node.series[name](moment - at)
                    if value is not None:
                        written.write(f"{_recorded(name, address, node)} {value} {moment}\n")
        written.write("# EOF\n")
    command = [promtool, "tsdb", "create-blocks-from", "openmetrics", str(text), str(folder / "data")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    text.unlink()
    if done.returncode:
        raise MeasurementFailed(
            f"promtool made no past: {(done.stderr.strip().splitlines() or ['it said nothing'])[-1]}"
        )


def _values(node: Node, t: float) -> Iterator[tuple[str, float]]:
    for name, shape in node.series.items():
        if (value := shape(t)) is not None:
            yield name, value


def _recorded(series: str, address: str, node: Node) -> str:
    """The plain name, with the labels that a scrape adds."""
    name, _, labels = series.partition("{")
    plain = PLAIN.get(name, name.removeprefix("ray_"))
    inner = labels.removesuffix("}")
    host = address.rpartition(":")[0]
    return f'{plain}{{{inner}{"," if inner else ""}instance="{address}",job="{node.job}",node="{host}"}}'
