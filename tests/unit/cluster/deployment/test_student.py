"""Student's t against printed tables."""

from __future__ import annotations

import pytest

from cluster.deployment.student import upper_tail


@pytest.mark.parametrize(
    ("t", "degrees", "chance"),
    [(6.3138, 1, 0.05), (4.1437, 10, 0.001), (3.6460, 30, 0.0005), (0.0, 5, 0.5), (-2.228, 10, 0.975)],
)
def test_the_tail_is_that_of_the_tables(t: float, degrees: float, chance: float) -> None:
    assert upper_tail(t, degrees) == pytest.approx(chance, rel=1e-3)


def test_with_many_degrees_it_is_nearly_the_normal_distribution() -> None:
    assert upper_tail(3.0902, 1e9) == pytest.approx(0.001, rel=0.05)
