from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from serve_apps.events.event import Event
from serve_apps.faces import Trigger, Verdict

EventMaker = Callable[..., Event]


@pytest.fixture(autouse=True)
def heard(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """What the application logs reaches pytest, whatever a test before this one has done to the loggers."""
    for name, logger in logging.root.manager.loggerDict.items():
        if name.split(".")[0] == "serve_apps" and isinstance(logger, logging.Logger):
            monkeypatch.setattr(logger, "disabled", False)
            monkeypatch.setattr(logger, "propagate", True)
    caplog.set_level(logging.INFO)
    caplog.set_level(logging.INFO, "serve_apps")


@pytest.fixture
def an_event() -> EventMaker:
    def make(verdict: Verdict = Verdict.KNOWN, camera: str = "front-door", names: tuple[str, ...] = ()) -> Event:
        taken = datetime(2026, 3, 1, 12, tzinfo=UTC)
        told = {f"id-{name}": name for name in names}
        return Event(
            1, "event-1", "frame-1", "0" * 64, camera, taken, taken, Trigger.BUTTON, verdict, "release", (), told
        )

    return make
