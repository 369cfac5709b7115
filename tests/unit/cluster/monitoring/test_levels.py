"""Levels that change while the cluster runs."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from cluster.monitoring.levels import Levels, Wish, of_ours, wishes

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
NAME = "serve_apps.nothing_real"


@pytest.fixture(autouse=True)
def usual() -> Iterator[None]:
    yield
    logging.getLogger(NAME).setLevel(logging.NOTSET)


def test_a_wish_holds_until_it_is_gone() -> None:
    wanted: dict[str, Wish] = {NAME: Wish("DEBUG")}
    levels, logger = Levels(lambda: wanted), logging.getLogger(NAME)
    logger.setLevel(logging.ERROR)

    levels.round()
    debug = logger.level
    wanted.clear()
    levels.round()

    assert (debug, logger.level) == (logging.DEBUG, logging.ERROR)


def test_a_database_that_is_away_changes_no_level() -> None:
    def read() -> dict[str, Wish]:
        if away:
            raise OSError
        return {NAME: Wish("DEBUG")}

    away = False
    levels = Levels(read)
    levels.round()
    away = True
    with pytest.raises(OSError):
        levels.round()

    assert logging.getLogger(NAME).level == logging.DEBUG


def test_wishes_end_by_themselves() -> None:
    later = NOW + timedelta(minutes=1)
    told = {"serve_apps": Wish("DEBUG", later).as_json(), "cluster": Wish("ERROR").as_json()}

    assert wishes(told, NOW) == {"serve_apps": Wish("DEBUG", later), "cluster": Wish("ERROR")}
    assert wishes(told, later) == {"cluster": Wish("ERROR")}


@pytest.mark.parametrize(
    "told",
    [
        {"serve_apps": None},
        {"serve_apps": {}},
        {"serve_apps": {"level": "LOUD"}},
        {"serve_apps": {"level": "DEBUG", "until": "soon"}},
        {"root": {"level": "DEBUG", "until": None}},
    ],
)
def test_what_makes_no_sense_is_left_out(told: dict) -> None:
    assert wishes(told, NOW) == {}


def test_only_loggers_of_ours_may_be_changed() -> None:
    assert of_ours("serve_apps")
    assert of_ours("ray.serve")
    assert not of_ours("serve_apps_of_another")
    assert not of_ours("")
