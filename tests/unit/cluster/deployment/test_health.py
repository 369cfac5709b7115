from __future__ import annotations

from datetime import UTC, datetime, timedelta

from cluster.deployment.health import SETTLING_SECONDS, Health

START = datetime(2026, 11, 24, 8, tzinfo=UTC)


def test_replicas_that_start_for_a_moment_are_well_and_those_that_do_not_come_back_are_not() -> None:
    health = Health()
    assert health.trouble(None, START) is None
    assert health.trouble("", START + timedelta(seconds=SETTLING_SECONDS)) is None
    assert health.trouble("", START + timedelta(seconds=SETTLING_SECONDS + 1)) == "its replicas start again"
    assert health.trouble(None, START + timedelta(seconds=30)) is None
    assert health.trouble("", START + timedelta(seconds=31)) is None


def test_what_serve_says_is_wrong_is_wrong_at_once() -> None:
    assert Health().trouble("the graph cannot be built", START) == "the graph cannot be built"
