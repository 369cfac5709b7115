from __future__ import annotations

import threading

import pytest
from sqlalchemy.exc import DBAPIError, IntegrityError, InterfaceError, OperationalError

from cluster.cli.rollout_check import database_may_go, meanwhile
from cluster.deployment.history import RolloutError


@pytest.mark.parametrize("kind", [OperationalError, InterfaceError])
def test_a_database_that_goes_away_is_told_with_how_to_go_on(kind: type[DBAPIError]) -> None:
    with pytest.raises(RolloutError, match=r"went away \(no route\).*'doorbell release resume'"), database_may_go():
        raise kind("SELECT 1", None, Exception("no route"))


def test_a_database_that_refuses_a_row_has_not_gone_away() -> None:
    with pytest.raises(IntegrityError), database_may_go():
        raise IntegrityError("INSERT", None, Exception("duplicate key"))


def test_work_is_told_of_until_it_is_done_and_raises_what_it_raised() -> None:
    done = threading.Event()
    told = meanwhile(lambda: done.wait(30), "checking")
    assert [next(told), next(told)] == ["checking", "checking"]
    done.set()
    assert set(told) <= {"checking"}

    with pytest.raises(ZeroDivisionError):
        list(meanwhile(lambda: 1 // 0, "checking"))
