from __future__ import annotations

from pathlib import Path

from edge.spool.entry import Entry
from edge.upload.order import BEHIND_AFTER, POISON_S, POISON_TRIES, Held, acquitted, held, next_entry


def entry(number: int, camera: str = "door", captured_s: float = 0.0) -> Entry:
    return Entry(number, f"id-{number}", camera, "button", None, Path(f"{number}"), 1, captured_s)


def failed(times: int, *, at_s: float = 0.0, accepted: int = 0) -> Held:
    state = None
    for _ in range(times):
        state = held(state, at_s, accepted, 1.0)
    return state


def sent(
    entries: list[Entry], holds: dict[int, Held] | None = None, now_s: float = 0.0, after_s: float | None = None
) -> list[int]:
    """Return the order in which the entries go when each is taken off after it went."""
    order, left = [], list(entries)
    while left and (
        chosen := next_entry(
            left, holds or {}, now_s, newest_first_after_s=after_s, waited_s=lambda each: now_s - each.captured_s
        )
    ):
        order.append(chosen.number)
        left.remove(chosen)
    return order


def test_frames_go_in_order_of_arrival() -> None:
    assert sent([entry(1), entry(2, "gate"), entry(3)]) == [1, 2, 3]


def test_after_a_long_outage_the_fresh_go_in_order_and_then_the_backlog_newest_first() -> None:
    entries = [entry(n, captured_s=s) for n, s in ((1, 0.0), (2, 10.0), (3, 20.0), (4, 95.0), (5, 99.0))]

    assert sent(entries, now_s=100.0, after_s=60.0) == [4, 5, 3, 2, 1]
    assert sent(entries, now_s=100.0) == [1, 2, 3, 4, 5]
    assert sent(entries, now_s=100.0, after_s=1000.0) == [1, 2, 3, 4, 5]
    assert sent(entries, now_s=1e6, after_s=60.0) == [5, 4, 3, 2, 1]


def test_a_held_frame_lets_other_cameras_pass_and_keeps_its_own_in_order() -> None:
    entries = [entry(1), entry(2), entry(3, "gate")]

    assert sent(entries, {1: failed(1)}) == [3]
    assert sent(entries, {1: failed(1)}, now_s=1000.0) == [1, 2, 3]


def test_after_some_failures_a_frame_lets_its_own_camera_pass_and_is_tried_last() -> None:
    entries = [entry(1), entry(2), entry(3, "gate")]

    assert sent(entries, {1: failed(BEHIND_AFTER)}) == [2, 3]
    assert sent(entries, {1: failed(BEHIND_AFTER)}, now_s=1000.0) == [2, 3, 1]


def test_of_two_frames_that_are_behind_the_one_due_first_is_tried_first() -> None:
    holds = {1: failed(BEHIND_AFTER + 2), 2: failed(BEHIND_AFTER)}

    assert sent([entry(1), entry(2)], holds, now_s=1000.0) == [2, 1]
    assert sent([entry(1), entry(2)], holds, now_s=3.0) == [2]


def test_a_held_frame_of_the_backlog_keeps_nobody_waiting() -> None:
    entries = [entry(1), entry(2)]

    assert sent(entries, {2: failed(1, at_s=1000.0)}, now_s=1000.0, after_s=60.0) == [1]


def test_holds_double_and_stay_short_until_the_gateway_is_proved_to_work() -> None:
    assert [failed(times).due_s for times in (1, 2, 3, 30)] == [0.5, 1.0, 2.0, 60.0]
    proved = failed(30)
    proved = held(proved, 0.0, 1, 1.0)
    assert proved.due_s == 600.0


def test_a_frame_that_fails_while_all_others_go_through_is_given_up_after_an_hour() -> None:
    state, now_s = held(None, 0.0, 0, 1.0), 0.0
    for accepted in range(1, POISON_TRIES + 1):
        now_s += 1.0
        state = held(state, now_s, accepted, 1.0)

    assert not state.is_poison(now_s)
    assert state.is_poison(POISON_S)


def test_a_frame_that_fails_because_all_fail_is_never_given_up() -> None:
    assert not failed(1000).is_poison(1e9)


def test_frames_that_failed_while_all_did_are_acquitted_once() -> None:
    holds = acquitted({1: failed(BEHIND_AFTER), 2: failed(BEHIND_AFTER)})
    assert sent([entry(1), entry(2), entry(3)], holds) == [1, 2, 3]

    again = held(holds[1], 0.0, 1, 1.0)
    assert again.proved == 1
    assert acquitted({1: again}) == {1: again}
