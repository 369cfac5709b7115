"""The HTTP application, from its parts."""

from __future__ import annotations

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
from serve_apps.api.parts import Parts


def application(parts: Parts) -> FastAPI:
    """The API with its page at /docs, which loads nothing from elsewhere."""
    app = FastAPIOffline(
        title="Doorbell cluster",
        version=version("doorbell-cluster"),
        description="Frames from doors in, events out. Every operation needs an API key, but for health, readiness and "
        "the enrolment of a device, which needs a one-time code.",
    )
    app.state.parts = parts
    for module in (health, frames, events, devices, people, recognition, releases, replays, trials, alerts):
        app.include_router(module.router)
    problems.install(app)
    return app
