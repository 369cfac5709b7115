from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from cluster.health.examine import Check, examine, within
from cluster.health.finding import Finding, State, exit_status, failed, ok, unknown, warning


def raising(error: Exception) -> Callable[[], Finding]:
    def look() -> Finding:
        raise error

    return look


def hanging() -> Finding:
    threading.Event().wait()
    raise AssertionError


def test_every_part_is_found_in_the_order_of_the_checks() -> None:
    found = examine([Check("b", lambda: ok("1")), Check("a", lambda: warning("2", "do it"))])
    assert [(each.part, each.finding.evidence) for each in found] == [("b", "1"), ("a", "2")]


def test_a_look_that_raises_takes_no_other_along() -> None:
    broken = OSError("no\nstatement and values")
    found = examine([Check("a", raising(broken), State.FAILED, "mend it"), Check("b", lambda: ok(""))])
    assert found[0].finding == Finding(State.FAILED, "no", "mend it")
    assert found[1].finding.state is State.OK


def test_what_another_part_hides_is_unknown_and_not_failed() -> None:
    assert examine([Check("a", raising(OSError("gone")))])[0].finding.state is State.UNKNOWN


def test_an_error_without_words_is_told_by_its_name() -> None:
    assert examine([Check("a", raising(TimeoutError()))])[0].finding.evidence == "TimeoutError"


def test_a_look_that_hangs_is_left_behind_and_the_others_are_told() -> None:
    found = examine([Check("dead", hanging, State.FAILED, "look"), Check("b", lambda: ok("well"))], seconds=0.2)
    assert found[0].finding == Finding(State.FAILED, "no answer within 0.2 s", "look")
    assert found[1].finding.evidence == "well"


def test_a_thread_that_hangs_does_not_keep_the_process_alive() -> None:
    examine([Check("left behind", hanging)], seconds=0.1)
    assert next(each for each in threading.enumerate() if each.name == "left behind").daemon


def test_within_gives_up_on_what_hangs_and_on_what_raises() -> None:
    assert within(0.1, hanging) is None
    assert within(1.0, raising(OSError())) is None
    assert within(1.0, lambda: 7) == 7


@pytest.mark.parametrize(
    ("findings", "status"),
    [
        ([ok("")], 0),
        ([ok(""), warning("", "")], 1),
        ([ok(""), unknown("")], 1),
        ([unknown(""), failed("", ""), ok("")], 2),
    ],
)
def test_the_exit_status_is_of_the_worst_part(findings: list[Finding], status: int) -> None:
    found = examine([Check(str(number), lambda each=each: each) for number, each in enumerate(findings)])
    assert exit_status(found) == status
