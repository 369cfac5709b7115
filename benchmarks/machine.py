"""The machine that figures belong to."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

PACKAGES = {
    "onnxruntime": "onnxruntime",
    "dlib": "dlib-bin",
    "face_recognition": "face-recognition",
    "opencv": "opencv-python-headless",
    "numpy": "numpy",
}


def machine() -> dict[str, Any]:
    """What the numbers belong to."""
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "system": platform.platform(),
        "python": platform.python_version(),
        **{name: version(distribution) for name, distribution in PACKAGES.items()},
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()
