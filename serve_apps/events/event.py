"""What happened at a door."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from serve_apps.faces import Identity, Trigger, Verdict


@dataclass(frozen=True, slots=True)
class Event:
    """A frame that was answered. `names` gives the present name of each person in `faces` who is still enrolled.

    `clock_offset_seconds` was added to the edge's own clock to give `captured_at`; `trace_id` is 32 hex digits;
    `recognize_ms` are the milliseconds that the recognizers took, all tries.
    """

    seq: int
    id: str
    frame_id: str
    frame_sha256: str
    camera_id: str
    captured_at: datetime
    received_at: datetime
    trigger: Trigger
    verdict: Verdict
    release: str
    faces: tuple[Identity, ...]
    names: dict[str, str]
    clock_offset_seconds: float | None = None
    trace_id: str | None = None
    recognize_ms: float | None = None

    @property
    def person_ids(self) -> set[str]:
        """Everybody who was matched in this frame."""
        return {face.person_id for face in self.faces if face.person_id is not None}


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Which events are asked for; None means any. `since` and `until` bound the capture time, `until` excluded."""

    camera_id: str | None = None
    verdict: Verdict | None = None
    person_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    release: str | None = None
