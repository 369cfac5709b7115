"""What is called growth, on series whose growth is known."""

from __future__ import annotations

import random

import pytest

from benchmarks.growth import growth, tenths, theil_sen

FRAMES = list(range(0, 20_000, 200))


def test_the_slope_of_a_line_is_its_slope() -> None:
    found = theil_sen(FRAMES, [300 + 0.002 * at for at in FRAMES])

    assert found.value == pytest.approx(0.002)
    assert found.low == pytest.approx(0.002)
    assert found.high == pytest.approx(0.002)


def test_outliers_do_not_move_the_slope() -> None:
    held = [300 + 0.002 * at for at in FRAMES]
    held[20] += 500
    held[70] -= 200

    assert theil_sen(FRAMES, held).value == pytest.approx(0.002, rel=0.02)


def test_the_interval_holds_the_true_slope_under_noise_and_not_zero() -> None:
    chance = random.Random(1)
    held = [300 + 0.002 * at + chance.gauss(0, 2) for at in FRAMES]

    found = theil_sen(FRAMES, held)

    assert 0 < found.low < 0.002 < found.high
    assert found.low < found.value < found.high


def test_the_interval_of_noise_alone_holds_zero() -> None:
    chance = random.Random(2)

    found = theil_sen(FRAMES, [300 + chance.gauss(0, 2) for _ in FRAMES])

    assert found.low < 0 < found.high


def test_points_at_one_place_have_no_slope() -> None:
    with pytest.raises(ValueError, match="two points at different x"):
        theil_sen([100, 100], [1, 2])


def test_two_points_are_a_line() -> None:
    assert theil_sen([0, 10], [5, 7]).value == pytest.approx(0.2)


def test_growth_over_the_run_is_the_lines_rise() -> None:
    assert growth(FRAMES, [300 + 0.001 * at for at in FRAMES]) == pytest.approx(19.8, rel=0.01)


@pytest.mark.parametrize("where", [0.2, 0.5, 0.85])
def test_a_single_step_counts_wherever_it_is(where: float) -> None:
    held = [300.0 if at < where * FRAMES[-1] else 312.0 for at in FRAMES]

    assert growth(FRAMES, held) >= 12


def test_a_slope_that_a_drop_at_the_end_hides_counts() -> None:
    held = [300 + 0.001 * at for at in FRAMES]
    held[-12:] = [300.0] * 12

    assert growth(FRAMES, held) > 10


def test_a_large_drop_in_between_hides_no_leak() -> None:
    held = [300 + 0.001 * at - (40 if at >= 10_000 else 0) for at in FRAMES]

    assert growth(FRAMES, held) == pytest.approx(8, rel=0.05)


def test_a_short_peak_in_between_is_no_growth() -> None:
    held = [300.0] * len(FRAMES)
    held[42:46] = [360.0] * 4

    assert growth(FRAMES, held) == pytest.approx(0)


def test_what_shrinks_has_negative_growth() -> None:
    assert growth(FRAMES, [300 - 0.001 * at for at in FRAMES]) < 0


def test_tenths_are_medians() -> None:
    held = [1.0] * 10 + [5.0] * 80 + [9.0] * 10
    held[3], held[-1] = 100.0, 100.0

    assert tenths(held) == [1, *[5] * 8, 9]


def test_a_short_series_is_its_own_tenths() -> None:
    assert tenths([4.0, 6.0, 5.0]) == [4, 6, 5]
