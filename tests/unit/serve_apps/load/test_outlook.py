from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from autoscaling.stats import HORIZONS, SERVICE, START, within
from serve_apps.load.outlook import Outlook, expected_of, share
from serve_apps.load.service_time import ServiceTime

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
AT = NOW.timestamp()
BLUE, GREEN = "recognizer-blue", "recognizer-green"


def forecast(*upper: float) -> dict[str, Any]:
    return {"start": AT, "step_s": 60.0, "expected": [0.0] * len(upper), "upper": list(upper), "method": "m"}


def facts(weights: dict[str, int] | None = None, *upper: float, age: float = 0.0) -> dict[str, Any]:
    at = NOW - timedelta(seconds=age)
    return {
        "forecast": (at, forecast(*(upper or (8.0, 8.0, 20.0)))),
        "routing": (at, {"weights": weights or {BLUE: 1}}),
    }


def test_each_horizon_has_its_largest_rate_times_the_share() -> None:
    rates = expected_of(facts({BLUE: 3, GREEN: 1}), BLUE, AT)

    assert (rates[within(15)], rates[within(60)], rates[within(1800)]) == (6.0, 6.0, 15.0)
    assert set(rates) == {within(horizon) for horizon in HORIZONS}


def test_the_idle_colour_is_not_scaled_by_the_forecast() -> None:
    assert set(expected_of(facts({BLUE: 100}), GREEN, AT).values()) == {0.0}


@pytest.mark.parametrize("age", [901.0, -901.0])
def test_a_forecast_that_is_old_or_of_the_future_is_none(age: float) -> None:
    assert expected_of(facts(age=age), BLUE, AT) == {}


@pytest.mark.parametrize("missing", ["forecast", "routing"])
def test_without_a_forecast_or_weights_nothing_is_known(missing: str) -> None:
    known = facts()
    del known[missing]
    assert expected_of(known, BLUE, AT) == {}


def test_a_forecast_without_bins_is_none() -> None:
    known = facts() | {"forecast": (NOW, forecast())}
    assert expected_of(known, BLUE, AT) == {}


def test_when_a_canarys_lease_ends_the_fallback_has_the_shares() -> None:
    until = NOW.isoformat()
    routing = {"weights": {BLUE: 1, GREEN: 1}, "until": until, "fallback": {BLUE: 1}, "epoch": 3}
    assert [share(routing, GREEN, at) for at in (AT - 1, AT)] == [0.5, 0.0]


def test_while_the_database_is_away_the_last_forecast_is_good_for_a_while(caplog: pytest.LogCaptureFixture) -> None:
    now, answers = [AT], [facts()]

    def read() -> dict[str, Any]:
        if not answers:
            raise OperationalError("select", {}, OSError("away"))
        return answers.pop()

    outlook = Outlook(read, BLUE, ServiceTime(), 2.5, clock=lambda: now[0])
    for seconds in (0, 60, 300):
        now[0] = AT + seconds
        outlook.round()
    assert outlook.stats()[within(15)] == 20.0
    assert caplog.text.count("outlook.not_read") == 1

    now[0] = AT + 1000
    outlook.round()
    assert outlook.stats() == {START: 2.5}


def test_a_rush_comes_nearer_between_two_readings() -> None:
    now = [AT]
    outlook = Outlook(lambda: facts(None, 8.0, 20.0), BLUE, ServiceTime(), 2.5, clock=lambda: now[0])
    outlook.round()
    seen = []
    for seconds in (44, 46):
        now[0] = AT + seconds
        seen.append(outlook.stats()[within(15)])
    assert seen == [8.0, 20.0]


@pytest.mark.parametrize("odd", [{}, {"upper": [1.0]}, {"upper": "x", "start": 0}])
def test_facts_of_another_version_are_no_forecast(odd: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    outlook = Outlook(lambda: facts() | {"forecast": (NOW, odd)}, BLUE, ServiceTime(), 1.0, clock=lambda: AT)
    outlook.round()

    assert outlook.stats() == {START: 1.0}
    assert "outlook.not_understood" in caplog.text


def test_the_service_time_is_reported_once_it_is_known() -> None:
    service = ServiceTime()
    outlook = Outlook(facts, BLUE, service, 1.0, clock=lambda: AT)
    assert SERVICE not in outlook.stats()

    assert service.of(1, sum, [1, 2]) == 3
    with pytest.raises(ZeroDivisionError):
        service.of(1, lambda: 1 // 0)

    assert 0 < outlook.stats()[SERVICE] < 1
