from __future__ import annotations

from pathlib import Path

import pytest

from cluster.monitoring.disk_history import (
    EVERY_SECONDS,
    KEPT_SECONDS,
    Sample,
    free_bytes,
    full_in,
    history,
    mount_of,
    note,
)

NOW = 1_770_000_000.0
HOUR = 3600.0


def falling(by: int, hours: int = 4) -> list[Sample]:
    """A sample every half an hour until now, `by` bytes fewer each time, 1,000 in the end."""
    return [Sample(NOW - step * 1800, {"/": 1000 + step * by}) for step in reversed(range(2 * hours))]


def test_a_disk_that_loses_a_tenth_of_its_room_every_half_hour_is_full_in_five_hours() -> None:
    assert full_in(falling(100), "/", NOW) == pytest.approx(5 * HOUR)


@pytest.mark.parametrize("samples", [falling(0), falling(-100), falling(100)[-3:], []])
def test_nothing_is_forecast_where_nothing_grows_or_too_little_is_known(samples: list[Sample]) -> None:
    assert full_in(samples, "/", NOW) is None


def test_what_was_free_before_the_last_hours_says_nothing() -> None:
    old = [Sample(NOW - 40 * HOUR + step, {"/": 10**9 - step * 10**6}) for step in range(100)]
    assert full_in([*old, *falling(0)], "/", NOW) is None


def test_a_disk_that_is_unknown_is_not_forecast() -> None:
    assert full_in(falling(100), "/other", NOW) is None


def test_samples_are_kept_for_two_days_and_no_closer_than_five_minutes(tmp_path: Path) -> None:
    file = tmp_path / "disk-history.json"
    for at in (NOW, NOW + 1, NOW + EVERY_SECONDS, NOW + KEPT_SECONDS + 1):
        note(file, {"/": 7}, at)
    assert history(file) == [Sample(NOW + EVERY_SECONDS, {"/": 7}), Sample(NOW + KEPT_SECONDS + 1, {"/": 7})]
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("text", ["", "{", "7", '[["x", {}]]', "[[1]]", '[[1, {"/": null}]]', "[[1, 2]]"])
def test_a_damaged_file_is_an_empty_past_and_is_written_anew(tmp_path: Path, text: str) -> None:
    file = tmp_path / "disk-history.json"
    file.write_text(text)
    assert history(file) == []
    note(file, {"/": 7}, NOW)
    assert history(file) == [Sample(NOW, {"/": 7})]


def test_a_clock_that_went_back_begins_a_new_past(tmp_path: Path) -> None:
    file = tmp_path / "disk-history.json"
    note(file, {"/": 7}, NOW)
    note(file, {"/": 8}, NOW - HOUR)
    assert history(file) == [Sample(NOW - HOUR, {"/": 8})]


def test_paths_on_one_disk_are_one_disk(tmp_path: Path) -> None:
    found = free_bytes([tmp_path, tmp_path / "not" / "there"])
    assert list(found) == [str(mount_of(tmp_path))]
    assert min(found.values()) >= 0
