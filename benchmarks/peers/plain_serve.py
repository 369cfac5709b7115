"""A peer: a plain Ray Serve deployment behind the default proxy, as in Ray's tutorial, a replica for each core.

`python -m benchmarks.peers.plain_serve ENGINE PORT TEMP_FOLDER` says `{"ready": true}` and serves until its standard
input is closed. It is a process of its own since a process can have one Ray only.
"""

from __future__ import annotations

import io
import json
import logging
import os
import secrets
import sys

import ray
from ray import serve
from starlette.requests import Request

from benchmarks.peers.known import ENGINES, cores
from cluster.preflight import free_port
from serve_apps.replica import keep_to_loopback


@serve.deployment(num_replicas=cores(), ray_actor_options={"num_cpus": 1})
class Recognize:
    """One engine."""

    def __init__(self, engine: str) -> None:
        keep_to_loopback()  # and nothing else of what replicas of ours set
        self._known = ENGINES[engine]()

    async def __call__(self, request: Request) -> dict[str, list[str]]:
        return {"names": self._known.names(io.BytesIO(await request.body()))}


def main() -> None:
    """Ray with its defaults, but for ports of its own on loopback."""
    engine, port, temp = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what Ray prints is no answer
    # Without a token Ray would put one into the user's home, and every `ray start` there would ask for it from then on.
    os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    ray.init(
        address="local",
        num_cpus=cores(),
        num_gpus=0,
        dashboard_port=free_port(),
        log_to_driver=False,
        logging_level=logging.ERROR,
        _node_ip_address="127.0.0.1",
        _temp_dir=temp,
    )
    serve.start(http_options={"host": "127.0.0.1", "port": port})
    application: serve.Application = Recognize.bind(engine)  # type: ignore[attr-defined]
    serve.run(application)
    print(json.dumps({"ready": True}), file=answers, flush=True)
    sys.stdin.read()
    serve.shutdown()  # type: ignore[no-untyped-call]
    ray.shutdown()


if __name__ == "__main__":
    main()
