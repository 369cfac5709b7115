"""The figures against values computed by hand, and what must hold for any distances."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.verification import (
    Distances,
    Labels,
    accepted_rightly,
    area,
    at_false_accept,
    best_threshold,
    cross_validated,
    roc,
    standard_error,
    stratified_folds,
    wilson,
)

FEW = np.array([0.2, 0.4, 0.6, 0.3, 0.7, 0.8, 0.9]), np.array([True, True, True, False, False, False, False])


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Distances, Labels]:
    """Distances in hundredths, so that ties occur, with both kinds."""
    genuine = draw(st.lists(st.integers(0, 200), min_size=1, max_size=30))
    impostor = draw(st.lists(st.integers(0, 200), min_size=1, max_size=30))
    same = np.array([True] * len(genuine) + [False] * len(impostor))
    return np.array([*genuine, *impostor], float) / 100, same


def test_the_curve_by_hand() -> None:
    curve = roc(*FEW)

    assert curve.thresholds.tolist() == [-np.inf, 0.2, 0.3, 0.4, 0.6, 0.7, 0.8, 0.9]
    assert curve.true_accept.tolist() == pytest.approx([0, 1 / 3, 1 / 3, 2 / 3, 1, 1, 1, 1])
    assert curve.false_accept.tolist() == [0, 0, 0.25, 0.25, 0.25, 0.5, 0.75, 1]


def test_the_area_by_hand() -> None:
    assert area(*FEW) == pytest.approx(10 / 12)  # 0.3 is nearer than two of the three genuine pairs


def test_equal_distances_count_half() -> None:
    assert area(np.array([0.5, 0.5]), np.array([True, False])) == 0.5


def test_a_genuine_pair_that_cannot_be_compared_is_never_accepted_and_an_impostor_always_kept_out() -> None:
    distances, same = np.array([0.1, np.inf, 0.5, np.inf]), np.array([True, True, False, False])
    curve = roc(distances, same)

    assert curve.true_accept.max() == 0.5
    assert curve.false_accept.max() == 0.5
    assert area(distances, same) == pytest.approx((2 + 0 + 0.5) / 4)
    assert accepted_rightly(distances, same, 0.3).tolist() == [True, False, True, False]


def test_true_accept_at_a_false_accept_rate_by_hand() -> None:
    curve = roc(*FEW)

    strict, loose = at_false_accept(curve, 0.25, 4), at_false_accept(curve, 0.3, 4)

    assert strict is not None
    assert (strict.threshold, strict.false_accept, strict.true_accept) == (0.6, 0.25, 1.0)
    assert strict == loose


def test_a_rate_that_so_few_impostor_pairs_cannot_show_has_no_answer() -> None:
    curve = roc(*FEW)

    assert at_false_accept(curve, 0.24, 4) is None
    assert at_false_accept(curve, 1e-3, 999) is None
    assert at_false_accept(curve, 1e-3, 1000) is not None


def test_the_best_threshold_lies_in_the_middle_of_the_widest_of_the_best_gaps() -> None:
    separable = np.array([0.1, 0.3, 0.7, 0.8]), np.array([True, True, False, False])

    assert best_threshold(*separable) == pytest.approx(0.5)
    assert best_threshold(*FEW) == pytest.approx(0.65)
    assert best_threshold(np.array([0.4, 0.2]), np.array([True, False])) < 0.2


def test_without_a_distance_there_is_no_threshold() -> None:
    with pytest.raises(ValueError, match="no pair can be compared"):
        best_threshold(np.array([np.inf]), np.array([True]))


def test_both_kinds_are_needed() -> None:
    with pytest.raises(ValueError, match="both genuine and impostor"):
        roc(np.array([0.1]), np.array([True]))


def test_a_fold_is_answered_with_the_threshold_of_the_others() -> None:
    """Each fold alone is separable, but at another threshold: tuned on itself every answer would be right."""
    distances = np.array([0.1, 0.2, 0.5, 0.6])
    same = np.array([True, False, True, False])
    folds = np.array([0, 0, 1, 1])

    rights = cross_validated(distances, same, folds)

    assert [right.tolist() for right in rights] == [[True, False], [False, True]]


def test_folds_share_both_kinds_evenly_and_are_the_same_every_time() -> None:
    same = np.array([True] * 20 + [False] * 43)

    folds = stratified_folds(same, 10, seed=1)

    assert folds is not None
    assert np.bincount(folds[same]).tolist() == [2] * 10
    assert set(np.bincount(folds[~same])) == {4, 5}
    again = stratified_folds(same, 10, seed=1)
    assert again is not None
    assert (folds == again).all()


def test_there_are_no_more_folds_than_pairs_of_the_rarer_kind() -> None:
    assert set(stratified_folds(np.array([True] * 3 + [False] * 9), 10, 1)) == {0, 1, 2}  # type: ignore[arg-type]
    assert stratified_folds(np.array([True] + [False] * 9), 10, 1) is None


@pytest.mark.parametrize(
    ("errors", "trials", "low", "high"),
    [(0, 10, 0, 0.2775), (10, 10, 0.7225, 1), (5, 10, 0.2366, 0.7634), (1, 100, 0.0018, 0.0545), (0, 0, 0, 1)],
)
def test_the_interval_of_a_rate_after_wilson(errors: int, trials: int, low: float, high: float) -> None:
    assert wilson(errors, trials) == pytest.approx((low, high), abs=1e-4)


def test_the_standard_error_over_folds_by_hand() -> None:
    assert standard_error([0.9, 1.0, 0.8, 0.9]) == pytest.approx(0.0408, abs=1e-4)
    assert standard_error([0.9]) is None


@given(pairs())
def test_the_area_does_not_change_with_a_monotone_change_of_the_distances(
    given_pairs: tuple[Distances, Labels],
) -> None:
    distances, same = given_pairs

    assert area(np.exp(3 * distances) + distances, same) == area(distances, same)


@given(pairs())
def test_the_area_is_what_lies_under_the_curve(given_pairs: tuple[Distances, Labels]) -> None:
    curve = roc(*given_pairs)

    assert area(*given_pairs) == pytest.approx(np.trapezoid(curve.true_accept, curve.false_accept))


@given(pairs(), st.floats(0.01, 1), st.floats(0.01, 1))
def test_more_is_truly_accepted_where_more_false_accepts_are_allowed(
    given_pairs: tuple[Distances, Labels], one: float, other: float
) -> None:
    curve = roc(*given_pairs)
    strict, loose = (at_false_accept(curve, rate, 10**9) for rate in sorted((one, other)))

    assert strict is not None
    assert loose is not None
    assert strict.true_accept <= loose.true_accept
    assert strict.false_accept <= min(one, other) + 1e-9


@given(pairs())
def test_no_other_threshold_is_better_than_the_best(given_pairs: tuple[Distances, Labels]) -> None:
    distances, same = given_pairs
    best = accepted_rightly(distances, same, best_threshold(distances, same)).sum()

    assert best == max(accepted_rightly(distances, same, t).sum() for t in [-1.0, *distances])


@given(st.integers(1, 500), st.data())
def test_an_interval_holds_its_rate(trials: int, data: st.DataObject) -> None:
    errors = data.draw(st.integers(0, trials))
    low, high = wilson(errors, trials)

    assert 0 <= low <= errors / trials <= high <= 1
    assert low < high
