from __future__ import annotations

import numpy as np

from benchmarks.observe.side_by_side import compared


def turns(added: float) -> dict[str, list[np.ndarray]]:
    """Forty pairs of turns on a machine that is slower in every fourth one."""
    dice = np.random.default_rng(7)
    disturbed = [8.0 if number % 4 == 0 else 0.0 for number in range(40)]
    return {
        switch: [30.0 + slower + more + dice.exponential(1.0, 200) for slower in disturbed]
        for switch, more in (("on", added), ("off", 0.0), ("off_again", 0.0))
    }


def test_what_is_added_is_found_beside_a_disturbance_that_is_many_times_as_large() -> None:
    found = compared(turns(0.5))["p99"]

    least, most = found["between_ms"]
    assert least < 0.5 < most
    assert least > 0.0
    assert least < found["delta_ms"] < most
    assert found["on_ms"] > found["off_ms"]
    assert found["control"]["between_ms"][0] < 0.0 < found["control"]["between_ms"][1]


def test_where_nothing_is_added_zero_lies_between() -> None:
    found = compared(turns(0.0))

    assert all(found[name]["between_ms"][0] < 0.0 < found[name]["between_ms"][1] for name in ("p50", "p99"))
    assert found["frames"] == {"on": 8000, "off": 8000, "off_again": 8000}
