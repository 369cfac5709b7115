"""Bins of time become visits."""

from __future__ import annotations

from cluster.deployment.visits import MOST_BINS, Bin, visits


def a_bin(at: int, camera: str = "door", faces: int = 1, unknown: int = 0, distance: float | None = 0.4) -> Bin:
    return Bin("blue-1", camera, at, faces, unknown, distance)


def test_neighbouring_bins_are_one_visit_whatever_their_order() -> None:
    assert visits([a_bin(10, faces=3), a_bin(0)]) == [a_bin(0, faces=4)]
    assert len(visits([a_bin(0), a_bin(20)])) == 2
    assert len(visits([a_bin(0), a_bin(10, camera="gate")])) == 2


def test_distances_count_by_the_faces_that_were_known() -> None:
    first, second = a_bin(0, faces=4, unknown=1, distance=0.2), a_bin(10, faces=1, distance=0.6)
    (visit,) = visits([first, second])
    assert visit.distance is not None
    assert round(visit.distance, 6) == 0.3
    assert visits([a_bin(0, unknown=1, distance=None)])[0].distance is None


def test_where_somebody_always_stands_visits_end() -> None:
    assert [each.at for each in visits([a_bin(10 * n) for n in range(2 * MOST_BINS)])] == [0, 10 * MOST_BINS]
