"""The guard as a process of its own, beside a Serve that is a config in memory."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from cluster.cli.access import database
from cluster.cli.guard import guarding
from cluster.deployment.colours import Deployed, State
from cluster.deployment.history import History
from cluster.deployment.rollout import Plan, Rollout, Step
from cluster.deployment.serve_config import generate, state_of
from cluster.deployment.shipped import shipped
from cluster.preflight import Ports
from cluster.security.alerts import Alert, AlertStore
from tests.conftest import eventually

BOTH = State("green", {"green": Deployed("new-1"), "blue": Deployed("old-1")}, {"green": 100})


@pytest.fixture
def dashboard() -> Iterator[tuple[Ports, list[dict[str, Any]]]]:
    """Where it listens, and the configs that it was given, the first one its own."""
    configs = [generate(shipped(), BOTH)]

    class Dashboard(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            applications = {each["name"]: {"deployed_app_config": each} for each in configs[-1]["applications"]}
            self.answer(json.dumps(configs[-1] | {"applications": applications}).encode())

        def do_PUT(self) -> None:
            configs.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.answer(b"")

        def answer(self, body: bytes) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

    with ThreadingHTTPServer(("127.0.0.1", 0), Dashboard) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield Ports(dashboard=server.server_port), configs
        server.shutdown()


def test_an_alert_switches_once_whatever_becomes_of_the_guard(
    dashboard: tuple[Ports, list[dict[str, Any]]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOORBELL_DATA", str(tmp_path))
    (tmp_path / "ray_token").write_text("token")
    ports, configs = dashboard
    engine, now = database(), datetime.now(UTC)
    history, alerts = History(engine), AlertStore(engine)
    number = history.claim(now)
    row = Rollout("r1", "new-1", "1" * 64, "green", "old-1", Step.COMPLETED, 0, Plan(), now, now)
    history.write(row, number, now)
    history.release_claim(number, now)
    alerts.keep([Alert("f0", now - timedelta(hours=1), "Old", "")], "key 1", now)

    with guarding(ports) as first:
        first.kill()
        first.wait()
    with guarding(ports) as second:
        alerts.keep([Alert("f1", datetime.now(UTC), "TooSlow", "p99 is 3 s")], "key 1", datetime.now(UTC))
        assert eventually(lambda: history.newest(1)[0].release == "old-1")
        alerts.keep([Alert("f2", datetime.now(UTC), "TooSlow", "again")], "key 1", datetime.now(UTC))
        assert not eventually(lambda: len(configs) > 2, seconds=2.5)

    assert history.newest(1)[0].why == "alert TooSlow: p99 is 3 s, from new-1"
    assert state_of(configs[1]).live == "blue"
    assert second.poll() is not None
