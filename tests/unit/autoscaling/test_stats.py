from __future__ import annotations

from autoscaling.stats import HORIZONS, expected, horizon_of, middle, within


def test_the_horizon_reaches_at_least_as_far_as_asked() -> None:
    assert [horizon_of(seconds) for seconds in (0.0, 15.0, 15.1, 310.0, 1e9)] == [15, 15, 30, 330, 1800]


def test_a_share_of_the_largest_rate_within_each_horizon_is_reported() -> None:
    reported = expected(lambda since, until: until - since, now=1e9, share=0.25)

    assert reported == {within(horizon): horizon / 4 for horizon in HORIZONS}


def test_the_middle_is_the_median_or_nothing() -> None:
    assert middle([]) is None
    assert middle([3.0, 1.0, 2.0]) == 2.0
    assert middle([4.0, 1.0]) == 1.0
