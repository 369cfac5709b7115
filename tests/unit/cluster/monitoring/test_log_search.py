"""Lines of all nodes, from a stand-in for Ray's dashboard."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import httpx
import pytest

from cluster.monitoring.log_search import LogsUnreachable, NodeLogs, Query, read, search, told

SINCE = datetime(2026, 11, 28, 12, tzinfo=UTC)


def line(minute: int, **fields: object) -> str:
    return json.dumps(
        {"event": "frame.answered", "level": "info", "time": f"2026-11-28T12:{minute:02}:00+00:00"} | fields
    )


FILES = {
    "n1": {
        "doorbell/gateway-1.jsonl": [line(5, camera="porch"), '{"half'],
        "doorbell/gateway-1.jsonl.1": [line(1, camera="porch"), line(2, camera="garden", level="error")],
    },
    "n2": {"doorbell/gateway-7.jsonl": [line(3, camera="porch", milliseconds=12.5)]},
}


def dashboard(request: httpx.Request) -> httpx.Response:
    asked = request.url.params
    if request.url.path == "/api/v0/nodes":
        nodes = [{"node_id": name, "state": "ALIVE"} for name in (*FILES, "n3")] + [{"node_id": "n0", "state": "DEAD"}]
        return httpx.Response(200, json={"data": {"result": {"total": 4, "result": nodes}}})
    if asked["node_id"] == "n3":
        return httpx.Response(500, json={"result": False, "msg": "away", "data": {}})
    if request.url.path == "/api/v0/logs":
        return httpx.Response(200, json={"data": {"result": {"internal": list(FILES[asked["node_id"]])}}})
    return httpx.Response(200, text="\n".join(FILES[asked["node_id"]][asked["filename"]]))


def searched(**fields: str) -> list[str]:
    with NodeLogs("http://ray", "token", httpx.MockTransport(dashboard)) as logs:
        return [line["time"][14:16] for line in search(logs, Query(fields)).lines]


def test_lines_come_from_all_nodes_and_rotated_files_in_the_order_of_their_times() -> None:
    assert searched() == ["01", "02", "03", "05"]


def test_any_field_may_be_asked_for() -> None:
    assert searched(camera="porch") == ["01", "03", "05"]
    assert searched(camera="porch", milliseconds="12.5") == ["03"]
    assert searched(camera="cellar") == []


def test_a_node_that_does_not_answer_is_told_and_hides_no_other() -> None:
    with NodeLogs("http://ray", "token", httpx.MockTransport(dashboard)) as logs:
        found = search(logs, Query({}))

    assert len(found.lines) == 4
    assert [text[:8] for text in found.silent] == ["node n3:"]


def test_time_and_level_bound_what_is_shown() -> None:
    lines = list(read(line(minute, level=level) for minute, level in [(0, "info"), (1, "error"), (2, "error")]))
    query = Query({}, SINCE.replace(minute=1), SINCE.replace(minute=2), "warning")

    assert [query.fits(each) for each in lines] == [False, True, False]
    assert not Query({}).fits({"event": "without a time"})


def test_a_dashboard_that_is_away_is_one_line() -> None:
    def away(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    with NodeLogs("http://ray", "token", httpx.MockTransport(away)) as logs, pytest.raises(LogsUnreachable) as raised:
        logs.nodes()
    assert "--dashboard" in str(raised.value)


def test_a_terminal_obeys_nothing_that_a_line_quotes() -> None:
    assert "\x1b" not in told({"time": "t", "level": "info", "event": "x", "camera": "\x1b[2J"})
