"""Devices: enrolled with a one-time code, heard of by their heartbeats, listed."""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse

from cluster.security.api_keys import ApiKey, Scope
from cluster.security.devices import Heartbeat, with_milliseconds
from serve_apps.api.auth import needs
from serve_apps.api.bodies import json_body, json_schema
from serve_apps.api.device_schemas import CodeIn, DevicesOut, EnrolledOut, HeartbeatIn, HeartbeatOut
from serve_apps.api.frames import problems
from serve_apps.api.parts import off_loop, parts_of

MOST_CODE_BYTES = 1_000
MOST_HEARTBEAT_BYTES = 16_000

log = logging.getLogger(__name__)
router = APIRouter(prefix="/api/v1/devices", tags=["devices"])


@router.post(
    "",
    status_code=201,
    response_model=EnrolledOut,
    openapi_extra=json_schema(CodeIn),
    responses={status: said for status, said in problems(408, 410, 413, 429).items() if status not in (401, 403)},
)
async def enrol_device(
    request: Request, given: Annotated[CodeIn, Depends(json_body(CodeIn, MOST_CODE_BYTES))]
) -> Response:
    """Give a new device a key of its own, for a one-time code of `doorbell devices enroll`. Needs no key."""
    parts = parts_of(request)
    parts.guesses.take()
    loop = asyncio.get_running_loop()
    device = await loop.run_in_executor(parts.pipeline.writer, parts.codes.redeem, given.code, parts.clock())
    parts.guesses.give_back()
    log.info("device.enrolled id=%s name=%r", device.id, device.name)
    said = {"id": device.id, "name": device.name, "key": device.key}
    return JSONResponse(said, 201, headers={"Cache-Control": "no-store"})


@router.post(
    "/heartbeat",
    response_model=HeartbeatOut,
    openapi_extra=json_schema(HeartbeatIn),
    responses=problems(408, 413),
)
async def heartbeat(
    request: Request,
    key: Annotated[ApiKey, Depends(needs(Scope.FRAMES))],
    said: Annotated[HeartbeatIn, Depends(json_body(HeartbeatIn, MOST_HEARTBEAT_BYTES))],
) -> Response:
    """Take what a device says of itself, and say what time it is, as the last thing before the answer leaves."""
    parts = parts_of(request)
    kept = Heartbeat(said.report(), said.clock, said.every_seconds)
    loop = asyncio.get_running_loop()
    await loop.run_in_executor(parts.pipeline.writer, parts.devices.heard, key.id, kept, parts.clock())
    return _presence(key, parts.clock())


@router.get("/self", response_model=HeartbeatOut, responses=problems())
async def own_device(request: Request, key: Annotated[ApiKey, Depends(needs(Scope.FRAMES))]) -> Response:
    """Say whose key this is and what time it is; changes nothing. What `doorbell-edge check` asks."""
    return _presence(key, parts_of(request).clock())


@router.get("", responses=problems(), dependencies=[Depends(needs(Scope.ADMIN))])
async def list_devices(request: Request) -> DevicesOut:
    """Every device with its last heartbeat, the oldest first."""
    parts = parts_of(request)
    now = parts.clock()
    found = await off_loop(parts, parts.devices.all)
    return DevicesOut.model_validate({"devices": [device.shown(now) for device in found]})


def _presence(key: ApiKey, now: datetime) -> Response:
    return JSONResponse({"time": with_milliseconds(now), "device": {"id": key.id, "name": key.name}})
