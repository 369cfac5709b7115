"""A trial: frames whose answers are known, with a gallery that comes with them, and what a release says of them.

So a release is tried whole (detector, alignment, embedder, thresholds) without touching anybody who is enrolled. Only
values are here: a gateway holds them too, and need not load an engine.
"""

from __future__ import annotations

from dataclasses import dataclass

from serve_apps.faces import Standing, Verdict


class TrialFailed(Exception):
    """A recognizer that raised, or did not answer in time: its application, and the last line of the error."""

    @classmethod
    def of(cls, application: str, error: BaseException) -> TrialFailed:
        """With what an error of this application's says."""
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        return cls(f"{application}: {lines[-1][:300] if lines else type(error).__name__}")


@dataclass(frozen=True, slots=True)
class TrialPerson:
    """Somebody to be recognized in a trial; each photograph shows one face."""

    name: str
    standing: Standing
    photos: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class TrialFrame:
    """One frame's answer; `who` are those recognized, sorted, by name, or by id where everybody enrolled is compared.

    `distances` has each matched face's.
    """

    verdict: Verdict
    who: tuple[str, ...]
    distances: tuple[float, ...]
    milliseconds: float


@dataclass(frozen=True, slots=True)
class Trial:
    """`unusable` names each photograph without exactly one face; `resident_bytes` is of process `pid`, afterwards."""

    unusable: tuple[str, ...]
    frames: tuple[TrialFrame, ...]
    pid: int
    resident_bytes: int
