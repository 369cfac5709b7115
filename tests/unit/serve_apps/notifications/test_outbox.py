from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from serve_apps.notifications.outbox import FIRST_DELAY, LONGEST_DELAY, MOST_ATTEMPTS, delay_after

ATTEMPTS = st.integers(1, 10 * MOST_ATTEMPTS)


@given(ATTEMPTS, st.floats(0, 1))
def test_a_delay_is_never_shorter_than_half_the_first_nor_longer_than_the_longest(attempts: int, jitter: float) -> None:
    delay = delay_after(attempts, jitter)

    assert timedelta(seconds=FIRST_DELAY / 2) <= delay <= timedelta(seconds=LONGEST_DELAY)


@given(ATTEMPTS, st.floats(0, 1), st.floats(0, 1))
def test_delays_never_shrink_from_one_attempt_to_the_next(attempts: int, first: float, second: float) -> None:
    earliest_next = delay_after(attempts + 1, min(first, second))

    assert earliest_next >= delay_after(attempts, min(first, second))


def test_the_last_delay_before_giving_up_is_the_longest() -> None:
    assert delay_after(MOST_ATTEMPTS, 1.0) == timedelta(seconds=LONGEST_DELAY)
