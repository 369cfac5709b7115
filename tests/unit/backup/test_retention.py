from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from backup.retention import Policy, keep

NOW = datetime(2026, 11, 28, 17, 35, tzinfo=UTC)
NONE = Policy(timedelta(0), 0, 0, 0, 0, 0)

moments = st.datetimes(datetime(2024, 1, 1), NOW.replace(tzinfo=None), timezones=st.just(UTC))
snapshots = st.lists(moments, max_size=60).map(lambda found: {str(number): each for number, each in enumerate(found)})
few = st.integers(0, 5)
policies = st.builds(Policy, st.timedeltas(timedelta(0), timedelta(days=9)), few, few, few, few, few)


@given(snapshots, policies, st.sets(st.integers(0, 60).map(str)))
def test_the_newest_and_the_newest_verified_are_always_kept(
    found: Mapping[str, datetime], policy: Policy, verified: set[str]
) -> None:
    kept = keep(found, policy, verified, NOW)

    for group in (set(found), verified & set(found)):
        if group:
            assert max(found[each] for each in group) in [found[each] for each in group if each in kept]


@given(snapshots, policies)
def test_no_rule_keeps_more_than_it_says(found: Mapping[str, datetime], policy: Policy) -> None:
    kept = keep(found, policy, (), NOW)

    for rule in ("last", "hourly", "daily", "weekly", "monthly"):
        assert sum(rule in why for why in kept.values()) <= getattr(policy, rule)


@given(snapshots, policies)
def test_what_was_kept_is_kept_again(found: Mapping[str, datetime], policy: Policy) -> None:
    kept = keep(found, policy, (), NOW)

    assert keep({each: found[each] for each in kept}, policy, (), NOW).keys() == kept.keys()


@given(snapshots, policies, st.timedeltas(timedelta(0), timedelta(days=40)))
def test_what_goes_now_would_not_be_kept_later(found: Mapping[str, datetime], policy: Policy, later: timedelta) -> None:
    assert keep(found, policy, (), NOW + later).keys() <= keep(found, policy, (), NOW).keys()


@given(snapshots, policies)
def test_a_more_generous_policy_keeps_no_less(found: Mapping[str, datetime], policy: Policy) -> None:
    more = replace(policy, daily=policy.daily + 1, last=policy.last + 1)

    assert keep(found, policy, (), NOW).keys() <= keep(found, more, (), NOW).keys()


@given(snapshots)
def test_each_of_the_last_days_that_had_a_snapshot_has_one(found: Mapping[str, datetime]) -> None:
    kept = keep(found, replace(NONE, daily=3), (), NOW)

    days = sorted({each.date() for each in found.values()})[-3:]
    assert sorted({found[each].date() for each in kept})[-3:] == days


def test_every_ten_seconds_for_a_day_leave_an_hour_of_them_and_one_for_each_hour_before() -> None:
    found = {str(number): NOW - timedelta(seconds=10 * number) for number in range(8640)}

    kept = keep(found, Policy(), (), NOW)

    recent = [each for each in kept if "recent" in kept[each]]
    assert (len(recent), len(kept)) == (360, 360 + 22)


def test_reasons_are_told() -> None:
    found = {"old": NOW - timedelta(days=400), "new": NOW}

    kept = keep(found, replace(NONE, monthly=1), {"old"}, NOW)

    assert kept == {"new": ("newest", "monthly"), "old": ("newest verified",)}


def test_what_a_wrong_clock_dates_into_the_future_is_kept() -> None:
    found = {"now": NOW, "future": NOW + timedelta(days=365), "later": NOW + timedelta(days=366)}

    assert keep(found, replace(NONE, within=timedelta(hours=1)), (), NOW).keys() == found.keys()
