"""How long from a metric that is pushed over until somebody is told, for each alert of `worlds`."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks.observe.inbox import Inbox
from benchmarks.observe.made_up_nodes import all_served, discovery, with_a_past
from benchmarks.observe.outside import outside
from benchmarks.observe.worlds import World, worlds

BEGIN_SECONDS = 60.0
"""Until the fault: everything starts and is well for a while."""

MOST_SECONDS = 1800.0


def seconds_to_receive(
    folder: Path,
    every: int,
    made: Callable[[float], list[World]] = worlds,
    begin: float = BEGIN_SECONDS,
    most: float = MOST_SECONDS,
) -> list[dict[str, Any]]:
    """Of each alert; None for what was not received in `most` seconds. Prometheus looks every `every` seconds.

    Raises MeasurementFailed.
    """
    at = time.time() + begin
    with ExitStack() as stack:
        heard = [
            (world, _begun(stack, folder / str(number), world, at, every)) for number, world in enumerate(made(at))
        ]
        time.sleep(max(0.0, at - time.time()))
        began = time.monotonic()
        return [_told(inbox, labels, began, most) for world, inbox in heard for labels in world.told]


def _begun(stack: ExitStack, folder: Path, world: World, at: float, every: int) -> Inbox:
    folder.mkdir(parents=True)
    nodes = stack.enter_context(all_served(world.nodes, at))
    discovery(folder / "targets.json", nodes)
    with_a_past(folder / "prometheus", nodes, at)
    proxies = [address for address, node in nodes.items() if node.job != "ray"]
    return stack.enter_context(outside(folder, folder / "targets.json", proxies, every)).inbox


def _told(inbox: Inbox, labels: Mapping[str, str], began: float, most: float) -> dict[str, Any]:
    heard = inbox.first(labels, began + most - time.monotonic(), since=began)
    more = {name: value for name, value in labels.items() if name != "alertname"}
    seconds = round(heard.at - began, 1) if heard else None
    return {"name": labels["alertname"], **more, "injected": "metric", "seconds_to_receive": seconds}
