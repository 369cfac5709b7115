from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from edge.camera import Frame

FrameMaker = Callable[..., Frame]


@pytest.fixture
def a_frame() -> FrameMaker:
    def make(image: bytes = b"image", label: str = "") -> Frame:
        taken = datetime(2026, 3, 1, 12, 0, 0, 250_000, tzinfo=UTC)
        return Frame(str(uuid.uuid4()), "front-door", taken, "button", image, "image/jpeg", label)

    return make
