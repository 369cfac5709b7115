"""Turn chips into embeddings with dlib's ResNet as an ONNX graph."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from serve_apps.faces import Embedding, Image
from serve_apps.recognition.detect import one_thread_session


class Embedder:
    """One onnxruntime session on one thread."""

    def __init__(self, graph: Path) -> None:
        self._session = one_thread_session(graph)

    def __call__(self, chips: list[Image]) -> list[Embedding]:
        """128 float32 for each RGB chip (150 x 150 x 3 uint8)."""
        if not chips:
            return []
        return list(self._session.run(None, {"chips": np.stack(chips)})[0])
