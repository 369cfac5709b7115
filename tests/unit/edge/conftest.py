from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
import structlog

from edge.camera import Frame

FrameMaker = Callable[..., Frame]


@pytest.fixture
def a_frame() -> FrameMaker:
    def make(image: bytes = b"image", label: str = "") -> Frame:
        taken = datetime(2026, 3, 1, 12, 0, 0, 250_000, tzinfo=UTC)
        return Frame(str(uuid.uuid4()), "front-door", taken, "button", image, "image/jpeg", label)

    return make


@pytest.fixture(autouse=True)
def own_log() -> Iterator[None]:
    """A command line that was tested leaves its way of logging behind."""
    yield
    structlog.reset_defaults()
