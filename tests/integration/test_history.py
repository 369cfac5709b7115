"""Who may drive a rollout, on both databases."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from cluster.deployment.history import CLAIM, History, RolloutError, rollout_claim
from serve_apps.database import connect

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
CONTROLLERS = 4
ROUNDS = 8


@pytest.fixture
def engine(database: str) -> sa.Engine:
    return connect(database)


def claimed_at_once(engine: sa.Engine, moment: datetime) -> list[int]:
    """What those of several controllers got that were not refused; another error is raised."""
    start = threading.Barrier(CONTROLLERS)

    def run(_: int) -> list[int]:
        start.wait()
        try:
            return [History(engine).claim(moment)]
        except RolloutError:
            return []

    with ThreadPoolExecutor(CONTROLLERS) as pool:
        return [number for found in pool.map(run, range(CONTROLLERS)) for number in found]


def test_of_controllers_that_claim_at_once_one_gets_it_and_numbers_only_grow(engine: sa.Engine) -> None:
    history, moment, got = History(engine), NOW, []
    for _ in range(ROUNDS):
        numbers = claimed_at_once(engine, moment)
        assert len(numbers) == 1
        history.renew(numbers[0], moment)
        got += numbers
        moment += 2 * CLAIM

    assert got == list(range(1, ROUNDS + 1))


def test_a_claim_that_ended_leaves_its_number_behind(engine: sa.Engine) -> None:
    history = History(engine)
    for number in (1, 2, 3):
        assert history.claim(NOW) == number
        history.release_claim(number, NOW)

    with pytest.raises(RolloutError, match="another controller has taken over"):
        history.renew(2, NOW)


def test_whether_anybody_holds_the_claim_is_seen_by_others(engine: sa.Engine) -> None:
    history = History(engine)
    before = history.is_claimed(NOW)
    number = history.claim(NOW)
    held, late = history.is_claimed(NOW), history.is_claimed(NOW + CLAIM + timedelta(seconds=1))
    history.release_claim(number, NOW)
    assert (before, held, late, history.is_claimed(NOW)) == (False, True, False, False)


def test_a_claim_that_is_renewed_at_the_same_moment_is_not_lost(engine: sa.Engine) -> None:
    history = History(engine)
    number, late = history.claim(NOW), NOW + CLAIM + timedelta(seconds=1)
    other: list[int] = []

    def claim() -> None:
        with pytest.raises(RolloutError, match="another rollout is driven"):
            other.append(History(engine).claim(late))

    claiming = threading.Thread(target=claim)
    with engine.begin() as connection:
        connection.execute(rollout_claim.update().values(until=(late + CLAIM).timestamp()))
        claiming.start()
        claiming.join(0.3)
    claiming.join()

    assert other == []
    history.renew(number, late)
