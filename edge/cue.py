"""What an output learns of a moment, and which outputs hear of it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any, get_args

from edge.camera import Frame
from edge.settings.triggers import FeedbackSettings, Moment
from edge.trigger import TriggerKind

FRESH_S = 10.0
"""A visitor waits no longer at the door; what is answered later neither opens nor rings."""
_REMEMBERED = 1000

VERDICTS = frozenset({"known", "unknown", "blacklisted", "no_face"}) & frozenset(get_args(Moment))


@dataclass(frozen=True, slots=True)
class Cue:
    """A moment at a door. `trigger` is None and `frame_id` empty where there is no frame; `who` are people's names."""

    moment: Moment
    camera_id: str
    trigger: TriggerKind | None = None
    frame_id: str = ""
    verdict: str = ""
    who: tuple[str, ...] = ()
    is_fresh: bool = True


def concerns(settings: FeedbackSettings, cue: Cue) -> bool:
    """Return whether an output reacts to a cue.

    A moment without a frame has no trigger's kind, and no output reacts to it that is for certain triggers only.
    """
    return (
        cue.moment in settings.when
        and (not settings.cameras or cue.camera_id in settings.cameras)
        and (not settings.triggers or cue.trigger in settings.triggers)
    )


def is_fresh(frame: Frame, milliseconds: float, boot_id: str, started_s: float, now_s: float) -> bool:
    """Return whether an answer comes while the visitor is still there, so long after the capture.

    The clock on the wall may be wrong, most of all after a power cut, so that this goes by the boot and the seconds
    since then, at the agent's start and now: a frame of another boot, of none that is known, or from before the start
    is never fresh.
    """
    return (
        0 <= milliseconds <= FRESH_S * 1000
        and frame.boot_id == boot_id != ""
        and frame.boot_s >= started_s
        and 0 <= now_s - frame.boot_s <= FRESH_S
    )


def cue_of_answer(frame: Frame, event: Mapping[str, Any], *, fresh: bool) -> Cue | None:
    """Return the cue of an answered event; None when the verdict is none that an output knows."""
    verdict = event.get("verdict")
    moment: Moment | None = next((each for each in get_args(Moment) if each == verdict and each in VERDICTS), None)
    if moment is None:
        return None
    faces = [face for face in event.get("faces") or () if isinstance(face, Mapping)]
    people = [face["person"] for face in faces if isinstance(face.get("person"), Mapping)]
    names = dict.fromkeys(str(person["name"]) for person in people if person.get("name"))
    return Cue(moment, frame.camera_id, frame.trigger, frame.frame_id, moment, tuple(names), fresh)


class Once:
    """Remembers the last thousand keys."""

    def __init__(self) -> None:
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._guard = Lock()

    def is_first(self, key: str) -> bool:
        """Return whether the key was not there before, and remember it."""
        with self._guard:
            if key in self._seen:
                return False
            self._seen[key] = None
            if len(self._seen) > _REMEMBERED:
                self._seen.popitem(last=False)
            return True
