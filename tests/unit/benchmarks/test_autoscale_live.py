from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from autoscaling.schedule_file import parsed
from benchmarks.autoscale.live import _answers, _followed
from benchmarks.autoscale.live_plot import draw
from benchmarks.autoscale.looks import LOOP, POLICY, Look, Looks, metrics
from benchmarks.autoscale.posting import Answered
from benchmarks.autoscale.swing import Swing, announced

EXPORTED = f"""# HELP x
{LOOP}{{actor_id="a"}} 0.004
{POLICY}{{application="recognizer-blue",deployment="Recognizer"}} 0.25
ray_other{{a="b"}} 3
"""


@pytest.fixture
def exporter() -> Iterator[str]:
    class Exporter(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(EXPORTED.encode())

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Exporter) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()


def looks(*seen: tuple[float, int, int]) -> Looks:
    return Looks(0.0, [Look(*each) for each in seen])


def test_the_controllers_metrics_are_read_where_ray_says(exporter: str, tmp_path: Path) -> None:
    file = tmp_path / "discovery.json"
    assert metrics(file) == []
    file.write_text(json.dumps([{"labels": {}, "targets": [exporter]}]))

    assert metrics(file) == [(LOOP, 0.004), (POLICY, 0.25)]


def test_replica_seconds_count_those_that_are_being_started() -> None:
    assert (
        looks((-9, 1, 1), (0, 1, 1), (10, 1, 3), (14, 3, 3), (20, 3, 1)).replica_seconds(until=22)
        == 10 + 3 * 4 + 3 * 6 + 3 * 2
    )


def test_following_is_measured_from_the_step_to_the_replicas_that_were_needed() -> None:
    swing = Swing(before=10, during=10, after=10)
    seen = looks((9, 1, 1), (11, 1, 2), (12, 2, 5), (15, 5, 5), (19, 5, 5), (20.5, 5, 5), (27, 1, 1))

    found = _followed(seen, swing)

    assert found == {
        "replicas_needed": 5,
        "seconds_to_decide": 1.0,
        "seconds_to_follow": 5.0,
        "seconds_to_scale_down": 7.0,
    }


def test_frames_are_late_from_when_they_were_due_and_failures_are_named() -> None:
    answered = [Answered(1.0, 1.02, ""), Answered(2.0, 2.2, ""), Answered(11.0, 11.01, "503 no")]

    found = _answers(answered, Swing(before=10, during=20, after=10))

    assert found["phases"]["before"]["late_share"] == 0.5
    assert (found["failed_requests"], found["failures"]) == (1, ["1 x 503 no"])


def test_an_announced_swing_is_in_the_file_of_rushes_at_its_minute_and_another_is_not() -> None:
    start = datetime(2026, 11, 28, 23, 59, tzinfo=UTC).timestamp()

    (rush,) = parsed(announced(Swing(low=3.0, high=30.0), start)).rushes

    assert (rush.at, rush.minutes, rush.dates, rush.per_s) == (time(0, 0), 1, frozenset({date(2026, 11, 29)}), 27.0)
    assert parsed(announced(Swing(announced=False), start)).rushes == ()


def test_the_swing_is_tenfold_and_whole_minutes_for_the_simulator() -> None:
    rates = Swing().rates()

    assert rates.max() == 10 * rates.min()
    assert [len(rates) % 60, Swing().during % 60] == [0, 0]


def test_the_picture_is_a_png(tmp_path: Path) -> None:
    series = {"seconds": [0, 5], "per_s": [3, 30], "p99_ms": [20, 60], "simulated": [1, 2]}
    draw({"series": series | {"at": [0.5, 1], "replicas": [1, 2], "target": [1, 2]}}, tmp_path / "new" / "live.png")

    assert (tmp_path / "new" / "live.png").read_bytes().startswith(b"\x89PNG")
