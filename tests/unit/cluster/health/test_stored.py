from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from cluster.health import stored
from cluster.health.finding import State

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("revision", "state", "way"),
    [
        ("0009", State.OK, ""),
        ("0008", State.FAILED, "migrate"),
        (None, State.FAILED, "migrate"),
        ("0010", State.FAILED, "later"),
    ],
)
def test_a_database_has_the_schema_of_this_program_or_the_way_to_it_is_told(
    revision: str | None, state: State, way: str
) -> None:
    found = stored.database("sqlite:///x", revision, "0009", 2.0)
    assert found.state is state
    assert way in found.next_step


def test_a_keyring_without_keys_has_failed_and_one_of_nobody_has_not() -> None:
    assert stored.keyring(3, 3).state is State.FAILED
    assert stored.keyring(3, 0).state is State.OK
    assert stored.keyring(0, 0).state is State.OK


@pytest.mark.parametrize(
    ("due", "oldest", "given_up", "uncertain", "refused", "state"),
    [
        (0, 0.0, 0, 0, 0, State.OK),
        (3, 10.0, 0, 0, 0, State.OK),
        (3, 61.0, 0, 0, 0, State.WARNING),
        (3, 601.0, 0, 0, 0, State.FAILED),
        (0, 0.0, 1, 0, 0, State.WARNING),
        (0, 0.0, 0, 1, 0, State.WARNING),
        (0, 0.0, 0, 0, 1, State.WARNING),
    ],
)
def test_what_waits_too_long_or_was_given_up_is_told(
    due: int, oldest: float, given_up: int, uncertain: int, refused: int, state: State
) -> None:
    assert stored.queue(due, oldest, given_up, uncertain, 100, refused).state is state


@pytest.mark.parametrize(
    ("newest", "verified", "state"),
    [
        (None, None, State.FAILED),
        (timedelta(seconds=20), timedelta(hours=20), State.OK),
        (timedelta(seconds=20), None, State.WARNING),
        (timedelta(seconds=20), timedelta(hours=25), State.FAILED),
        (timedelta(minutes=16), timedelta(hours=1), State.FAILED),
    ],
)
def test_snapshots_are_judged_by_the_age_of_the_newest_and_of_the_last_restore(
    newest: timedelta | None, verified: timedelta | None, state: State
) -> None:
    moments = [None if age is None else NOW - age for age in (newest, verified)]
    assert stored.snapshots(moments[0], moments[1], 5, NOW).state is state
