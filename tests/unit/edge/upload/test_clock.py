from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

import pytest

from edge.camera import Frame
from edge.upload.clock import ClusterClock, boot_clock

CLUSTER_AT_BOOT = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
"""The cluster's time when this box was started; the box knows nothing of it."""


def cluster_time(boot_s: float) -> datetime:
    return CLUSTER_AT_BOOT + timedelta(seconds=boot_s)


def frame(captured_at: datetime, boot_s: float, boot_id: str = "this boot") -> Frame:
    return Frame(str(uuid.uuid4()), "door", captured_at, "button", b"", "image/jpeg", boot_id=boot_id, boot_s=boot_s)


def corrected(clock: ClusterClock, each: Frame) -> datetime:
    offset_s, _ = clock.correction_s(each)
    return each.captured_at + timedelta(seconds=offset_s)


def test_nothing_is_known_before_the_first_answer() -> None:
    assert ClusterClock("this boot").correction_s(frame(CLUSTER_AT_BOOT, 5.0)) is None


def test_a_clock_that_jumps_back_a_year_does_not_matter_for_frames_of_this_boot() -> None:
    clock = ClusterClock("this boot")
    clock.heard(cluster_time(100.0), 99.99, 100.01)
    before = frame(cluster_time(110.0), 110.0)
    after = frame(cluster_time(120.0) - timedelta(days=365), 120.0)

    assert abs(corrected(clock, before) - cluster_time(110.0)) < timedelta(seconds=0.02)
    assert abs(corrected(clock, after) - cluster_time(120.0)) < timedelta(seconds=0.02)


def test_a_frame_taken_before_the_cluster_was_heard_is_corrected_as_well() -> None:
    clock = ClusterClock("this boot")
    clock.heard(cluster_time(1000.0), 999.9, 1000.1)
    early = frame(datetime(2020, 1, 1, tzinfo=UTC), 20.0)

    assert abs(corrected(clock, early) - cluster_time(20.0)) < timedelta(seconds=0.2)


@pytest.mark.parametrize("boot_id", ["an earlier boot", ""])
def test_of_another_boot_nothing_is_known(boot_id: str) -> None:
    clock = ClusterClock("this boot")
    clock.heard(cluster_time(100.0), 100.0, 100.0)

    assert clock.correction_s(frame(CLUSTER_AT_BOOT, 5.0, boot_id)) is None


def test_the_truth_lies_within_the_uncertainty_however_lopsided_the_way_was() -> None:
    for answered_s in (100.0, 100.2, 100.4):
        clock = ClusterClock("this boot")
        clock.heard(cluster_time(answered_s), 100.0, 100.4)
        offset_s, uncertainty_s = clock.correction_s(frame(cluster_time(100.0), 100.0))
        assert abs(offset_s) <= uncertainty_s <= 0.21


def test_the_least_uncertain_sample_counts_until_it_is_old() -> None:
    clock, taken = ClusterClock("this boot"), frame(cluster_time(100.0), 100.0)
    clock.heard(cluster_time(100.0), 99.99, 100.01)
    clock.heard(cluster_time(101.5), 101.0, 102.0)
    assert clock.correction_s(taken)[1] == pytest.approx(0.01, abs=0.001)

    clock.heard(cluster_time(100_000.0), 99_999.9, 100_000.1)
    later = frame(cluster_time(100_000.0), 100_000.0)
    assert clock.correction_s(later)[1] == pytest.approx(0.1, abs=0.001)


def test_a_cluster_whose_clock_was_set_is_believed() -> None:
    clock = ClusterClock("this boot")
    clock.heard(cluster_time(100.0), 99.99, 100.01)
    clock.heard(cluster_time(200.0) + timedelta(hours=1), 199.5, 200.5)

    assert abs(corrected(clock, frame(CLUSTER_AT_BOOT, 210.0)) - cluster_time(3810.0)) < timedelta(seconds=1)


def test_a_date_header_is_worth_a_second() -> None:
    clock = ClusterClock("this boot")
    clock.heard_date("Sun, 01 Mar 2026 12:01:40 GMT", 100.2, 100.2)
    offset_s, uncertainty_s = clock.correction_s(frame(cluster_time(100.2), 100.2))

    assert abs(offset_s) <= uncertainty_s <= 1.001


@pytest.mark.parametrize("date", [None, "", "soon", "Sun, 01 Mar 2026 12:01:40 -0000"])
def test_an_odd_date_teaches_nothing(date: str | None) -> None:
    clock = ClusterClock("this boot")
    clock.heard_date(date, 100.0, 100.0)

    assert clock.correction_s(frame(CLUSTER_AT_BOOT, 5.0)) is None


def test_the_boot_clock_names_this_boot_and_goes_on() -> None:
    (boot, first_s), (again, then_s) = boot_clock(), boot_clock()

    assert boot == again
    assert str(uuid.UUID(boot)) == boot
    assert 0 < first_s <= then_s
