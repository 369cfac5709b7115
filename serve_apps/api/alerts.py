"""Alertmanager's webhook: an alert with the label `doorbell_action="rollback"` takes a release back."""

from __future__ import annotations

import asyncio
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field

from cluster.security.alerts import Alert, AlertStore
from cluster.security.api_keys import ApiKey, Scope
from serve_apps.api.auth import needs
from serve_apps.api.bodies import json_body
from serve_apps.api.frames import UtcDatetime, problems
from serve_apps.api.parts import parts_of

MOST_BYTES = 1_000_000
MOST_ALERTS = 1_000
LABEL = "doorbell_action"
ROLLBACK = "rollback"

router = APIRouter(prefix="/api/v1/alerts", tags=["releases"])
Labels = Annotated[dict[str, Annotated[str, Field(max_length=10_000)]], Field(max_length=100)]


class AlertIn(BaseModel):
    """One alert; members that are not named here are ignored."""

    status: Literal["firing", "resolved"]
    labels: Labels
    annotations: Labels = {}
    startsAt: UtcDatetime
    fingerprint: Annotated[str, Field(pattern=r"^[0-9A-Za-z_-]{1,64}$")]


class WebhookIn(BaseModel):
    """A notification as Alertmanager's `webhook_configs` sends it, version 4."""

    version: Literal["4"]
    status: Literal["firing", "resolved"]
    alerts: Annotated[list[AlertIn], Field(max_length=MOST_ALERTS)]


class TakenOut(BaseModel):
    """What became of the alerts: `kept` ask for a rollback and are new, `known` came before; the rest is ignored:
    `resolved`, or `without_action`, which have no label `doorbell_action="rollback"`.
    """

    kept: int
    known: int
    resolved: int
    without_action: int


_SCHEMA = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["version", "status", "alerts"],
                    "properties": {
                        "version": {"const": "4"},
                        "status": {"enum": ["firing", "resolved"]},
                        "alerts": {"type": "array", "maxItems": MOST_ALERTS, "items": AlertIn.model_json_schema()},
                    },
                }
            }
        },
    }
}


@router.post("", openapi_extra=_SCHEMA, responses=problems(408, 413))
async def take_alerts(
    request: Request,
    key: Annotated[ApiKey, Depends(needs(Scope.ALERTS))],
    said: Annotated[WebhookIn, Depends(json_body(WebhookIn, MOST_BYTES))],
) -> TakenOut:
    """Keep the alerts that ask for a rollback. One that began after a release came takes that release back, once."""
    parts = parts_of(request)
    firing = [alert for alert in said.alerts if alert.status == "firing"]
    asking = [alert for alert in firing if alert.labels.get(LABEL) == ROLLBACK]
    found = {(alert.fingerprint, alert.startsAt): _alert(alert) for alert in asking}
    store, loop = AlertStore(parts.pipeline.engine), asyncio.get_running_loop()
    kept = await loop.run_in_executor(
        parts.pipeline.writer, store.keep, list(found.values()), f"key {key.id}", parts.clock()
    )
    return TakenOut(
        kept=kept,
        known=len(asking) - kept,
        resolved=len(said.alerts) - len(firing),
        without_action=len(firing) - len(asking),
    )


def _alert(said: AlertIn) -> Alert:
    words = said.annotations.get("summary") or said.annotations.get("description", "")
    return Alert(said.fingerprint, said.startsAt, said.labels.get("alertname", "without a name"), words)
