"""Candidates for a handful of people, who are enrolled nowhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from serve_apps.faces import Embedding, Standing
from serve_apps.recognition.match import Neighbour


class Few:
    """Each person's standing and embeddings by name; somebody without any is nobody's match."""

    def __init__(self, people: Mapping[str, tuple[Standing, Sequence[Embedding]]]) -> None:
        self._people = {name: (standing, np.stack(rows)) for name, (standing, rows) in people.items() if rows}

    def nearest(self, embedding: Embedding, count: int) -> list[Neighbour]:
        """As `Candidates` has it."""
        found = [
            Neighbour(name, standing, float(np.linalg.norm(rows - embedding, axis=1).min()))
            for name, (standing, rows) in self._people.items()
        ]
        return sorted(found, key=lambda each: (each.distance, each.person_id))[:count]
