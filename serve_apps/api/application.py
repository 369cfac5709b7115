"""The HTTP application, from its parts."""

from __future__ import annotations

from functools import partial
from importlib.metadata import version

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline

from serve_apps.api import (
    alerts,
    devices,
    events,
    frames,
    health,
    people,
    problems,
    recognition,
    releases,
    replays,
    trials,
)
from serve_apps.api.journeys import Journeys
from serve_apps.api.parts import Parts
from serve_apps.api.readiness import Pulse, Readiness, unable


def application(parts: Parts) -> FastAPI:
    """The API on its parts."""
    app = described()
    app.state.parts = parts
    app.state.readiness = Readiness(partial(unable, parts.gallery), parts.io)
    app.state.pulse = Pulse({"readers": parts.io, "writer": parts.pipeline.writer})
    if parts.finished:
        app.add_middleware(Journeys, finished=parts.finished)
    return app


def described() -> FastAPI:
    """Every operation, without the parts that answer; its page at /docs loads nothing from elsewhere."""
    app = FastAPIOffline(
        title="Doorbell cluster",
        version=version("doorbell-cluster"),
        description="Frames from doors in, events out. Every operation needs an API key, but for health, readiness and "
        "the enrolment of a device, which needs a one-time code.",
    )
    for module in (health, frames, events, devices, people, recognition, releases, replays, trials, alerts):
        app.include_router(module.router)
    problems.install(app)
    return app
