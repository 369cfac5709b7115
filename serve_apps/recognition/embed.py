"""Turn chips into embeddings with dlib's ResNet as an ONNX graph."""

from __future__ import annotations

import numpy as np

from serve_apps.faces import Embedding, Image
from serve_apps.recognition.sessions import Run


class Embedder:
    """dlib's ResNet, whoever runs its graph."""

    def __init__(self, run: Run) -> None:
        """`run` is the graph of `dlib_onnx.cached_graph`."""
        self._run = run

    def __call__(self, chips: list[Image]) -> list[Embedding]:
        """128 float32 for each RGB chip (150 x 150 x 3 uint8). Raises CannotRun."""
        if not chips:
            return []
        return list(self._run(np.stack(chips)))
