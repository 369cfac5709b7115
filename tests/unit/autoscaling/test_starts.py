from __future__ import annotations

from autoscaling.starts import KEPT, Starts


def test_a_start_lasts_from_the_decision_until_as_many_replicas_run() -> None:
    starts = Starts()
    starts.looked(10.0, replicas=1, before=1, target=3)
    starts.looked(11.0, replicas=2, before=3, target=3)
    assert starts.seconds is None

    starts.looked(14.0, replicas=3, before=3, target=3)

    assert starts.seconds == 4.0


def test_the_longest_counts_until_so_many_newer_ones_were_shorter() -> None:
    starts, now = Starts(), 0.0
    for number in range(KEPT + 1):
        took = 90.0 if number == 1 else 4.0 + number / 100
        starts.looked(now, replicas=1, before=1, target=2)
        starts.looked(now + took, replicas=2, before=2, target=1)
        now += 100.0
    assert starts.seconds == 90.0

    starts.looked(now, replicas=1, before=1, target=2)
    starts.looked(now + 4.0, replicas=2, before=2, target=1)
    assert starts.seconds < 5


def test_a_target_that_was_taken_back_is_no_start() -> None:
    starts = Starts()
    starts.looked(0.0, replicas=1, before=1, target=5)
    starts.looked(1.0, replicas=1, before=5, target=2)
    starts.looked(2.0, replicas=1, before=2, target=5)
    starts.looked(8.0, replicas=5, before=5, target=5)

    assert starts.seconds == 6.0


def test_where_there_is_no_room_nothing_is_learnt() -> None:
    starts = Starts()
    starts.looked(0.0, replicas=1, before=1, target=2)
    starts.looked(4000.0, replicas=1, before=2, target=2)
    starts.looked(4001.0, replicas=2, before=2, target=2)

    assert starts.seconds is None
