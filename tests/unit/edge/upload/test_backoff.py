from __future__ import annotations

from datetime import UTC, datetime

import pytest

from edge.upload.backoff import LONGEST_OBEYED_S, Backoff, retry_after_s

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        ("120", 120.0),
        (" 5 ", 5.0),
        ("Sun, 01 Mar 2026 12:01:30 GMT", 90.0),
        ("Sun, 01 Mar 2026 11:00:00 GMT", 0.0),
        ("Sun, 01 Mar 2026 12:01:30 -0000", 90.0),
        ("Mon, 01 Mar 2027 12:00:00 GMT", LONGEST_OBEYED_S),
        ("9" * 5000, LONGEST_OBEYED_S),
        ("-3", None),
        ("nan", None),
        ("soon", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after_is_seconds_or_a_date(value: str | None, seconds: float | None) -> None:
    assert retry_after_s(value, NOW) == seconds


def test_pauses_double_up_to_the_longest() -> None:
    backoff = Backoff(1.0, 3.0)

    assert [backoff.pause_s(failures, 1.0) for failures in (1, 2, 3, 1000)] == [1.0, 2.0, 3.0, 3.0]


def test_the_gateways_wish_is_a_lower_bound_and_chance_comes_on_top() -> None:
    assert Backoff(1.0, 60.0).pause_s(1, 0.5, 7.0) == 7.5
