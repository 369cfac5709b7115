from __future__ import annotations

import threading

from cluster.monitoring.metrics import CAMERA_EVENTS, DROPPED, DURATION, QUEUE, SECURITY
from cluster.monitoring.waiting import RETOLD, Waiting

REFUSED = ("key_missing", "frames", "refused")


def test_a_counter_is_summed_a_gauge_is_its_last_value_and_a_histogram_keeps_each() -> None:
    waiting = Waiting()
    for value in (1.0, 2.0):
        waiting.add(SECURITY, *REFUSED, value=value)
        waiting.set(QUEUE, value, "gateway")
        waiting.observe(DURATION, value, "total", "release-1")

    batch = waiting.taken()

    assert batch.counted == {(SECURITY, REFUSED): 3.0}
    assert batch.gauges == {(QUEUE, ("gateway",)): 2.0}
    assert [value for _, _, value in batch.observed] == [1.0, 2.0]
    assert not waiting.taken().counted


def test_a_gauge_is_told_again_now_and_then_until_it_is_forgotten() -> None:
    waiting = Waiting()
    waiting.set(QUEUE, 7.0, "gateway")
    told = [waiting.taken().gauges for _ in range(2 * RETOLD)]
    waiting.forget(QUEUE, "gateway")
    after = [waiting.taken().gauges for _ in range(2 * RETOLD)]

    assert sum(bool(gauges) for gauges in told) == 3
    assert not any(after)


def test_a_gauge_that_is_forgotten_leaves_its_place_to_another() -> None:
    waiting = Waiting()
    for number in range(1000):
        waiting.set(CAMERA_EVENTS, 1.0, f"old-{number}")
    for number in range(1000):
        waiting.forget(CAMERA_EVENTS, f"old-{number}")
        waiting.set(CAMERA_EVENTS, 2.0, f"new-{number}")

    assert {labels for _, labels in waiting.taken().gauges} == {(f"new-{number}",) for number in range(1000)}


def test_what_is_read_is_asked_for_each_time() -> None:
    waiting, sizes = Waiting(), iter([3, 7])
    waiting.read(QUEUE, lambda: next(sizes), "writer")

    assert [waiting.taken().gauges[QUEUE, ("writer",)] for _ in range(2)] == [3, 7]


def test_what_does_not_fit_is_lost_and_counted_and_nobody_waits() -> None:
    waiting = Waiting(most=10)
    for _ in range(25):
        waiting.add(SECURITY, *REFUSED)

    batch = waiting.taken()

    assert batch.counted == {(SECURITY, REFUSED): 10.0, (DROPPED, ("metrics", "full")): 15.0}


def test_many_threads_count_while_one_takes_and_nothing_is_lost() -> None:
    waiting = Waiting()

    def count() -> None:
        for _ in range(1000):
            waiting.add(SECURITY, *REFUSED)

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    seen = 0.0
    while any(thread.is_alive() for thread in threads):
        seen += sum(waiting.taken().counted.values())
    seen += sum(waiting.taken().counted.values())

    assert seen == 4000
