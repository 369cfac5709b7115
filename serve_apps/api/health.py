"""Whether the application lives, and whether it can answer."""

from __future__ import annotations

from importlib.metadata import version

from fastapi import APIRouter, Request
from pydantic import BaseModel
from sqlalchemy.exc import SQLAlchemyError

from serve_apps.api.frames import problems
from serve_apps.api.parts import off_loop, parts_of
from serve_apps.api.problems import Problem

router = APIRouter(prefix="/api", tags=["health"])


class HealthOut(BaseModel):
    """The gateway's process answers."""

    status: str
    version: str


class ReadyOut(BaseModel):
    """Weights and gallery are loaded and the database is reachable."""

    ready: bool


@router.get("/health")
async def health() -> HealthOut:
    """Alive: the process answers. Needs no key."""
    return HealthOut(status="alive", version=version("doorbell-cluster"))


@router.get("/ready", responses={503: problems()[503]})
async def ready(request: Request) -> ReadyOut:
    """Ready: a frame would be answered. Needs no key."""
    parts = parts_of(request)
    try:
        await off_loop(parts, parts.events.last_seq)
    except SQLAlchemyError:
        raise Problem(503, "not-ready", "the database does not answer") from None
    missing = await parts.not_ready()
    if missing is not None:
        raise Problem(503, "not-ready", missing)
    return ReadyOut(ready=True)
