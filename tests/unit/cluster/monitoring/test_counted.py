from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from cluster.monitoring.counted import STAGED, CountedJourneys, time_of_day
from cluster.monitoring.journey import FaceSeen, Journey, Stage
from tests.noted import Noted

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC).timestamp()


def journey(**said: object) -> Journey:
    made = Journey(began=NOON, captured_at=NOON, trigger="button", verdict="known", release="r-1", status="recorded")
    for name, value in said.items():
        setattr(made, name, value)
    return made


def test_a_recorded_frame_is_an_event_a_trigger_its_stages_and_its_faces() -> None:
    noted = Noted()
    seen = (FaceSeen("known", 0.3, "high"), FaceSeen("unknown", None, "none"))
    CountedJourneys(noted, UTC)(journey(stages=[Stage("embed", NOON, 0.006)], faces=seen))

    assert noted.counted == {
        ("pipeline_events_total", "known", "recorded", "r-1"): 1,
        ("doorbell_triggers_total", "button", "afternoon"): 1,
        ("face_recognition_requests_total", "known", "high"): 1,
        ("face_recognition_requests_total", "unknown", "none"): 1,
    }
    assert noted.observed == [
        (0.006, ("pipeline_processing_duration_seconds", "embed", "r-1")),
        (0.3, ("face_match_distance", "r-1", "known")),
    ]


def test_of_more_frames_than_ten_a_second_the_whole_time_is_shown_and_not_every_stage() -> None:
    noted = Noted()
    counted = CountedJourneys(noted)
    for second in (0, 1):
        for _ in range(3 * STAGED):
            stages = [Stage("embed", NOON, 0.006), Stage("total", NOON, 0.02)]
            counted(journey(began=NOON + second, stages=stages))

    shown = Counter(labels[1] for _, labels in noted.observed)
    assert shown == {"total": 6 * STAGED, "embed": 2 * STAGED}


@pytest.mark.parametrize("status", ["replayed", "refused", "failed"])
def test_a_frame_that_was_not_recorded_is_no_trigger(status: str) -> None:
    noted = Noted()
    CountedJourneys(noted)(journey(status=status, verdict=None, release=None))

    assert noted.counted == {("pipeline_events_total", "none", status, "none"): 1}


def test_what_the_first_frame_after_an_enrolment_waited_is_its_freshness() -> None:
    noted = Noted()
    CountedJourneys(noted)(journey(stages=[Stage("refresh", NOON, 0.02)]))

    assert (0.02, ("enrolment_freshness_seconds",)) in noted.observed


@pytest.mark.parametrize(
    ("hour", "name"),
    [(0, "night"), (5, "night"), (6, "morning"), (12, "afternoon"), (18, "evening"), (21, "evening"), (22, "night")],
)
def test_the_time_of_day_is_the_houses(hour: int, name: str) -> None:
    tokyo = ZoneInfo("Asia/Tokyo")

    assert time_of_day(datetime(2026, 3, 1, hour, 30, tzinfo=tokyo).timestamp(), tokyo) == name


@pytest.mark.parametrize("moment", [-1e13, 1e13, float("inf")])
def test_a_year_that_no_calendar_has_is_night(moment: float) -> None:
    assert time_of_day(moment, UTC) == "night"
