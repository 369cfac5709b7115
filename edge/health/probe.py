"""Asks a cluster who it takes us for: what `doorbell-edge check` needs to know."""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime

import httpx

from edge.errors import KeyUnusable, TryLater
from edge.settings import GatewaySettings, read_key
from edge.upload.addresses import Addresses, place
from edge.upload.clock import boot_s
from edge.upload.connection import Answer, Connection
from edge.upload.tls import tls_for


@dataclass(frozen=True, slots=True)
class Probed:
    """What one address answered; `offset_s` is the cluster's clock minus ours, None where it was not told."""

    reached: bool
    milliseconds: float = 0.0
    key_valid: bool = False
    reason: str = ""
    device: str = ""
    offset_s: float | None = None


def probe(told: GatewaySettings, url: str, transport: httpx.BaseTransport | None = None) -> Probed:
    """Ask one address for ourselves, as the uploader would. Raises SettingsInvalid for certificates of no use."""
    try:
        key = read_key(told.key_file)
    except KeyUnusable:
        key = "none"
    addresses = Addresses((url,))
    tls = tls_for(addresses, told.ca_file, told.certificate_file, told.certificate_key_file)
    asked_s = time.monotonic()
    with closing(Connection(addresses, tls, timeout_s=told.timeout_s, transport=transport)) as connection:
        try:
            answer = connection.ask("GET", "/api/v1/devices/self", {"X-API-Key": key})
        except TryLater as failure:
            reason = str(failure.problem["detail"]).removeprefix(f"{place(addresses.first)}: ")
            return Probed(reached=False, reason=reason)
    return _understood(answer, (time.monotonic() - asked_s) * 1000)


def _understood(answer: Answer, milliseconds: float) -> Probed:
    body = answer.json
    if not isinstance(body, dict):
        page = f"this is no doorbell cluster: it answers {answer.status}, {answer.quote[:80]!r}"
        return Probed(reached=False, reason=page)
    if answer.status != httpx.codes.OK:
        reason = f"{answer.status}: {body.get('detail', answer.reason)}"
        return Probed(reached=True, milliseconds=milliseconds, reason=reason)
    device = body.get("device")
    name = str(device.get("name", "")) if isinstance(device, dict) else ""
    offset_s = _offset_s(body.get("time"), answer)
    return Probed(reached=True, milliseconds=milliseconds, key_valid=True, device=name, offset_s=offset_s)


def _offset_s(cluster_time: object, answer: Answer) -> float | None:
    ago_s = boot_s() - (answer.sent_s + answer.heard_s) / 2
    try:
        return datetime.fromisoformat(str(cluster_time)).timestamp() - (time.time() - ago_s)
    except (ValueError, OverflowError):
        return None
