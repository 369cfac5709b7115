"""What the tests of autoscaling do to a running cluster, and see of it."""

from __future__ import annotations

import copy
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil

from cluster.deployment.control import Serve, ServeError
from cluster.deployment.token import token_of
from tests.conftest import eventually
from tests.integration.conftest import RunningCluster

RECOGNIZER = "recognizer-blue"
RAY = str(Path(sys.executable).with_name("ray"))


def serve(cluster: RunningCluster) -> Serve:
    return Serve(f"http://127.0.0.1:{cluster.ports.dashboard}", token_of(cluster.data))


def replicas(cluster: RunningCluster) -> tuple[int | None, int]:
    """The target, and how many run; what was seen last while the controller is away."""
    try:
        with serve(cluster) as asked:
            (recognizer,) = asked.details()[RECOGNIZER].deployments
    except (ServeError, KeyError, ValueError):
        return None, 0
    return recognizer.target, sum(replica.state == "RUNNING" for replica in recognizer.replicas)


def statuses(cluster: RunningCluster) -> dict[str, str]:
    """Every application's; none while the controller is away."""
    try:
        with serve(cluster) as asked:
            return {name: each.status for name, each in asked.details().items()}
    except (ServeError, KeyError):
        return {}


def all_well(cluster: RunningCluster) -> bool:
    return set(statuses(cluster).values()) == {"RUNNING"}


@contextmanager
def recognizers(cluster: RunningCluster, scaling: dict[str, Any], **deployment: Any) -> Iterator[None]:
    """Other settings of the recognizers for a while; `scaling` is put over their autoscaling_config."""
    with serve(cluster) as asked:
        before = asked.config()
        changed = copy.deepcopy(before)
        recognizer = changed["applications"][0]["deployments"][0]
        recognizer["autoscaling_config"] |= scaling
        recognizer.update(deployment)
        asked.put(changed)
        try:
            assert eventually(lambda: statuses(cluster).get(RECOGNIZER, "RUNNING") != "RUNNING" or all_well(cluster))
            yield
        finally:
            asked.put(before)
            least = before["applications"][0]["deployments"][0]["autoscaling_config"]["min_replicas"]
            assert eventually(lambda: replicas(cluster) == (least, least) and all_well(cluster))


def explained(cluster: RunningCluster) -> dict[str, Any]:
    """The newest decision about the recognizers; empty before the first."""
    said = cluster.doorbell("autoscaling", "explain", "--json")
    decisions = json.loads(said.stdout)["decisions"] if said.returncode == 0 else []
    return next((each for each in decisions if each["application"] == RECOGNIZER), {})


class Node:
    """A worker node of two CPUs."""

    def __init__(self, cluster: RunningCluster) -> None:
        (raylet,) = [each for each in cluster.processes("raylet/raylet") if "raylet" in each.name()]
        self.environment = raylet.environ()
        self.address = re.search(r"--gcs-address=(\S+)", " ".join(raylet.cmdline())).group(1)
        self.cluster = cluster
        before = set(eventually(self.nodes))
        start = [sys.executable, "-m", "tests.integration.worker_node", self.address, "2"]
        self.process = subprocess.Popen(start, env=self.environment, stdout=subprocess.DEVNULL)
        (self.id,) = eventually(lambda: set(self.nodes()) - before)

    def nodes(self) -> list[str]:
        """None while the dashboard is away."""
        try:
            with serve(self.cluster) as asked:
                summary = asked._asked("GET", "/nodes?view=summary")["data"]["summary"]
        except (ServeError, KeyError):
            return []
        return [each["raylet"]["nodeId"] for each in summary if each["raylet"].get("state") == "ALIVE"]

    def held(self) -> int | None:
        """How many recognizers run on it; None while the controller is away."""
        try:
            with serve(self.cluster) as asked:
                (recognizer,) = asked.details()[RECOGNIZER].deployments
        except (ServeError, KeyError, ValueError):
            return None
        return sum(each.node == self.id and each.state == "RUNNING" for each in recognizer.replicas)

    def drain(self) -> None:
        reason = ["--reason=DRAIN_NODE_REASON_PREEMPTION", "--reason-message=a test", "--deadline-remaining-seconds=60"]
        drain = [RAY, "drain-node", f"--address={self.address}", f"--node-id={self.id}", *reason]
        subprocess.run(drain, env=self.environment, check=True, capture_output=True)

    def kill(self) -> None:
        """All of it at once, as when a machine loses its power."""
        for process in [self.process, *psutil.Process(self.process.pid).children(recursive=True)]:
            with suppress(psutil.NoSuchProcess):  # it has ended with the one before
                process.kill()
        self.process.wait()

    def end(self) -> None:
        self.process.terminate()
        self.process.wait(timeout=60)


@contextmanager
def node(cluster: RunningCluster) -> Iterator[Node]:
    made = Node(cluster)
    try:
        yield made
    finally:
        if made.process.poll() is None:
            made.kill()
