"""Turn chips into embeddings with dlib's ResNet as an ONNX graph."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from serve_apps.faces import Embedding, Image
from serve_apps.recognition.sessions import Provider, Session


class Embedder:
    """dlib's ResNet on one thread, or on a GPU."""

    def __init__(self, graph: Path, provider: Provider = "cpu") -> None:
        """Raises CannotRun."""
        self._session = Session(graph, provider)

    def __call__(self, chips: list[Image]) -> list[Embedding]:
        """128 float32 for each RGB chip (150 x 150 x 3 uint8). Raises CannotRun."""
        if not chips:
            return []
        return list(self._session(np.stack(chips)))
