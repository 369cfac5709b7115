"""What a finished journey is as numbers."""

from __future__ import annotations

from datetime import datetime, tzinfo

from cluster.monitoring.journey import Journey
from cluster.monitoring.meter import Meter
from cluster.monitoring.metrics import DISTANCE, DURATION, ENROLMENT_FRESHNESS, EVENTS, FACES, TRIGGERS

NONE = "none"
REFRESH = "refresh"
ALWAYS = frozenset({"total", REFRESH})
STAGED = 10
"""Frames of a second whose other stages a gateway shows. Ray's agent makes a bucket's count one value at a time, and a
frame has a dozen: at the rate of a full machine these would be a percent of it, and more of them show nothing more."""

TIMES_OF_DAY = ((6, "night"), (12, "morning"), (18, "afternoon"), (22, "evening"), (24, "night"))
"""Each until this hour."""


class CountedJourneys:
    """A listener that costs a gateway's loop a few microseconds a frame. `zone` is the house's; None: the machine's."""

    def __init__(self, meter: Meter, zone: tzinfo | None = None) -> None:
        self._meter = meter
        self._zone = zone
        self._second = 0
        self._shown = 0

    def __call__(self, journey: Journey) -> None:
        """Count one frame."""
        meter, release = self._meter, journey.release or NONE
        meter.add(EVENTS, journey.verdict or NONE, journey.status, release)
        whole = self._has_room(int(journey.began))
        for stage in journey.stages:
            if whole or stage.name in ALWAYS:
                meter.observe(DURATION, stage.seconds, stage.name, release)
            if stage.name == REFRESH:
                meter.observe(ENROLMENT_FRESHNESS, stage.seconds)
        if journey.status != "recorded":  # what comes again is the same press of the button
            return
        meter.add(TRIGGERS, journey.trigger or NONE, time_of_day(journey.captured_at or journey.began, self._zone))
        for face in journey.faces:
            meter.add(FACES, face.standing, face.sureness)
            if face.distance is not None:
                meter.observe(DISTANCE, face.distance, release, face.standing)

    def _has_room(self, second: int) -> bool:
        if second != self._second:
            self._second, self._shown = second, 0
        self._shown += 1
        return self._shown <= STAGED


def time_of_day(moment: float, zone: tzinfo | None) -> str:
    """Night until 6, morning until 12, afternoon until 18, evening until 22. A year that has no local time is night."""
    try:
        hour = datetime.fromtimestamp(moment, zone).hour
    except (OverflowError, ValueError, OSError):
        hour = 0
    return next(name for end, name in TIMES_OF_DAY if hour < end)
