"""A small photograph that every engine must recognize the same way at any time.

It is run when an engine starts, so that the first visitor does not pay for lazy set-up, and again by each health
check: a replica whose engine finds no face any more, or another embedding, is broken though it still answers.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from serve_apps.faces import Embedding
from serve_apps.recognition.decode import Picture
from serve_apps.recognition.engine import Engine
from serve_apps.recognition.weights import WeightsError

PHOTO = Path(__file__).parent / "probe.jpg"
"""A public-domain portrait; see samples/CREDITS.md."""

MOST_APART = 1e-3
"""Euclidean distance between two embeddings of the probe: the same graph on the same pixels differs by rounding."""


class ProbeFailed(WeightsError):
    """An engine that does not see in the probe what is there."""


class Probe:
    """The probe's embedding by one engine as it started; used by the engine's thread."""

    def __init__(self, engine: Engine) -> None:
        """Runs every stage once. Raises ProbeFailed, CannotRun."""
        self._engine = engine
        self._photo = PHOTO.read_bytes()
        self._first = self._embedding()

    def check(self) -> None:
        """Raises ProbeFailed, CannotRun."""
        apart = float(np.linalg.norm(self._embedding() - self._first))
        if not apart <= MOST_APART:  # not a number is no small distance
            raise ProbeFailed(
                f"the engine embeds the probe photograph {apart:.4f} from where it did at its start; "
                f"at most {MOST_APART:g} is sound"
            )

    def _embedding(self) -> Embedding:
        (faces,) = self._engine.faces_of_many([Picture(self._photo)])
        if len(faces) != 1:
            raise ProbeFailed(f"the engine finds {len(faces)} faces in the probe photograph, which shows one")
        return faces[0].embedding
