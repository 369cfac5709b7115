"""Everything that can go wrong at the edge.

EdgeError
├── Unusable              what is wrong and the way out; the command line prints it in one line
│   ├── CameraIdInvalid
│   ├── CameraFailed
│   │   └── CameraEnded   and never will again: a video is over
│   ├── TriggerUnusable
│   ├── FeedbackUnusable
│   ├── SettingsInvalid
│   ├── KeyUnusable
│   ├── EnrolmentFailed
│   ├── SpoolUnusable
│   │   └── SpoolBusy
│   ├── SpoolFull
│   └── FrameTooLarge
├── Damaged               a spool file that is not what was written
└── NotDelivered          the gateway has not accepted a frame
    ├── Refused           and never will: the frame is set aside
    ├── KeyRefused        until somebody repairs the key: the frame waits
    └── TryLater          for now: the frame waits
"""

from __future__ import annotations

from typing import Any

Problem = dict[str, Any]
"""A problem of RFC 9457: `type`, `title`, `status`, `detail`."""


class EdgeError(Exception):
    """Root of the tree."""


class Unusable(EdgeError):
    """Something a person can put right."""

    def __init__(self, what: str, way_out: str) -> None:
        super().__init__(what, way_out)
        self.what = what
        self.way_out = way_out

    def __str__(self) -> str:
        return " ".join(f"{self.what} ; {self.way_out}".split())


class CameraIdInvalid(Unusable):
    """A camera id that no gateway accepts."""


class CameraFailed(Unusable):
    """The camera gave no image."""


class CameraEnded(CameraFailed):
    """The camera has given its last image."""


class TriggerUnusable(Unusable):
    """The button, sensor, port or picture cannot be watched."""


class FeedbackUnusable(Unusable):
    """The light, relay or chime cannot be used."""


class SettingsInvalid(Unusable):
    """A settings file or a command line value that makes no sense."""


class KeyUnusable(Unusable):
    """No key, or one that an HTTP header cannot carry."""


class EnrolmentFailed(Unusable):
    """The cluster gave this box no key of its own."""


class SpoolUnusable(Unusable):
    """The spool folder cannot be read or written."""


class SpoolBusy(SpoolUnusable):
    """Another agent holds the spool."""


class SpoolFull(Unusable):
    """Everything that waits is worth more than the new frame."""


class FrameTooLarge(Unusable):
    """One frame alone exceeds the limits of the spool."""


class Damaged(EdgeError):
    """The bytes of a spool file do not agree with their checksum."""


class NotDelivered(EdgeError):
    """The gateway has not accepted a frame; `retry_after_s` is its own wish, in seconds."""

    def __init__(self, problem: Problem, retry_after_s: float | None = None) -> None:
        super().__init__(problem, retry_after_s)
        self.problem = problem
        self.retry_after_s = retry_after_s


class Refused(NotDelivered):
    """A lasting refusal: the same bytes would be refused again."""


class KeyRefused(NotDelivered):
    """401 or 403: the frame is good, the key is not."""


class TryLater(NotDelivered):
    """A passing failure: overload, a dead network, a page of somebody else."""
