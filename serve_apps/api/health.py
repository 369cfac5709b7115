"""Whether the application lives, and whether it can answer."""

from __future__ import annotations

from importlib.metadata import version

from fastapi import APIRouter, Request
from pydantic import BaseModel

from serve_apps.api.frames import problems
from serve_apps.api.parts import parts_of
from serve_apps.api.problems import Problem
from serve_apps.api.readiness import Pulse, Readiness

router = APIRouter(prefix="/api", tags=["health"])


class HealthOut(BaseModel):
    """The gateway's process answers."""

    status: str
    version: str


class ReadyOut(BaseModel):
    """Weights and gallery are loaded, people's keys open, and what happens can be recorded."""

    ready: bool


@router.get("/health", responses={503: problems()[503]})
async def health(request: Request) -> HealthOut:
    """Alive: the process answers and its threads turn; 503 means that only a new process helps. Needs no key."""
    pulse: Pulse = request.app.state.pulse
    stuck = pulse.stuck()
    if stuck is not None:
        raise Problem(503, "stuck", f"the {stuck} has done nothing for minutes; end this process")
    return HealthOut(status="alive", version=version("doorbell-cluster"))


@router.get("/ready", responses={503: problems()[503]})
async def ready(request: Request) -> ReadyOut:
    """Ready: a frame would be answered, rightly, and its event kept. Needs no key."""
    readiness: Readiness = request.app.state.readiness
    missing = await readiness.missing() or await parts_of(request).not_ready()
    if missing is not None:
        raise Problem(503, "not-ready", missing)
    return ReadyOut(ready=True)
