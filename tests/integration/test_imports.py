from __future__ import annotations

import subprocess
import sys

ENGINES_LIBRARIES = {"cv2", "dlib", "onnxruntime", "usearch"}


def test_a_gateway_does_not_carry_the_recognizers_libraries_in_its_memory() -> None:
    program = "import sys, serve_apps.api.application, serve_apps.app; print(*sys.modules)"

    loaded = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout.split()

    assert "serve_apps.recognition.deployments" in loaded
    assert not ENGINES_LIBRARIES & set(loaded)
