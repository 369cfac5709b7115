"""Keeps a replica's own gRPC server on loopback where the whole cluster is on one machine.

Serve 2.60 binds it to every address and has no setting for that; it starts it after the replica's constructor.
"""

from __future__ import annotations

import os
from typing import Any

VARIABLE = "DOORBELL_LOOPBACK_ONLY"


def keep_to_loopback() -> None:
    """Call it in a replica's constructor; does nothing unless the launcher asks for it."""
    if os.environ.get(VARIABLE) != "1":
        return
    from ray.serve._private import replica

    module: Any = replica
    add_port = module.add_port_to_grpc_server

    def add_loopback_port(server: object, address: str) -> object:
        return add_port(server, address.replace("[::]", "127.0.0.1"))

    module.add_port_to_grpc_server = add_loopback_port
