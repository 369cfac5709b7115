"""A worker node of a running cluster on this machine: `python -m tests.integration.worker_node GCS_ADDRESS CPUS`.

Made as ray.cluster_utils.Cluster makes one, which knows clusters of its own only; `ray start` refuses to join a cluster
that keeps to loopback. It ends in order at SIGTERM.
"""

from __future__ import annotations

import signal
import sys

from ray._private.node import Node
from ray._private.parameter import RayParams


def main() -> None:
    params = RayParams(
        gcs_address=sys.argv[1],
        node_ip_address="127.0.0.1",
        num_cpus=int(sys.argv[2]),
        num_gpus=0,
        object_store_memory=80_000_000,
        min_worker_port=0,
        max_worker_port=0,
        node_manager_port=0,
        include_log_monitor=False,
    )
    params.dashboard_agent_listen_port = None
    signal.signal(signal.SIGTERM, lambda *_: None)
    node = Node(params, head=False, shutdown_at_exit=False, spawn_reaper=False)
    signal.pause()
    node.kill_all_processes(check_alive=False, allow_graceful=True, wait=True)


if __name__ == "__main__":
    main()
