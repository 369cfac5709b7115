"""onnxruntime sessions that run where they were told to, or not at all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from serve_apps.recognition.weights import CannotRun

Run: TypeAlias = Callable[[NDArray[np.uint8]], NDArray[np.float32]]
"""A graph with one input and one output."""

Provider: TypeAlias = Literal["cpu", "cuda"]

CUDA = "CUDAExecutionProvider"
PROVIDERS: dict[Provider, list[Any]] = {
    "cpu": ["CPUExecutionProvider"],
    "cuda": [(CUDA, {"use_tf32": "0"}), "CPUExecutionProvider"],  # TF32 would move embeddings
}
"""For onnxruntime, the preferred one first. With CUDA, its own nodes for shapes stay on the processor."""


class Session:
    """A graph with one input and one output, on one thread of the processor or on a GPU.

    onnxruntime goes on without a word on the processor when a GPU cannot be used; here that is an error.
    """

    def __init__(self, graph: Path, provider: Provider = "cpu") -> None:
        """Raises CannotRun."""
        self._name = f"{graph.name} on {provider}"
        if provider == "cuda" and CUDA not in onnxruntime.get_available_providers():
            raise CannotRun(
                "DOORBELL_PROVIDER=cuda: the installed onnxruntime cannot use a GPU; "
                "install onnxruntime-gpu in its place, or unset DOORBELL_PROVIDER"
            )
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1  # a replica owns one reserved CPU
        options.inter_op_num_threads = 1
        options.log_severity_level = 4  # what goes wrong is raised
        try:
            self._session = onnxruntime.InferenceSession(str(graph), options, providers=PROVIDERS[provider])
        except Exception as error:  # onnxruntime's errors have no base of their own
            raise CannotRun(f"{self._name}: {_line(error)}") from error
        if provider == "cuda" and CUDA not in self._session.get_providers():
            raise CannotRun(
                "DOORBELL_PROVIDER=cuda: onnxruntime finds no GPU that it can use; "
                "check the driver with nvidia-smi and the CUDA libraries, or unset DOORBELL_PROVIDER"
            )
        self._session.disable_fallback()
        self.input_name = self._session.get_inputs()[0].name

    def __call__(self, values: NDArray[np.uint8]) -> NDArray[np.float32]:
        """The graph's output. Raises CannotRun."""
        try:
            output: NDArray[np.float32] = self._session.run(None, {self.input_name: values})[0]
        except Exception as error:
            raise CannotRun(f"{self._name}: {_line(error)}") from error
        return output


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:300]
