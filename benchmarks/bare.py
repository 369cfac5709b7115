"""The recognizer of a replica without the replica: the engine that the settings name, and the sample people."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.sides import enrolled
from serve_apps.recognition.match import Candidates, MatchRules
from serve_apps.recognition.recognizer import Recognizer
from serve_apps.recognition.registered import build_engine
from serve_apps.settings import Settings


@dataclass(frozen=True, slots=True)
class Unchanging:
    """A gallery that nobody changes."""

    candidates: Candidates
    version: int = 0

    def at_least(self, version: int) -> Candidates:
        """The one state there is."""
        return self.candidates


def bare_recognizer(settings: Settings) -> Recognizer:
    """Warm, with the packaged weights and the rules that they are packed with.

    Raises WeightsError, ProbeFailed, PhotoRefused.
    """
    engine = build_engine(settings)
    return Recognizer(engine, Unchanging(enrolled(engine)), MatchRules(), "bare")
