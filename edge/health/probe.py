"""Asks a cluster who it takes us for: what `doorbell-edge check` needs to know."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime

import httpx

from edge.errors import KeyUnusable
from edge.settings import GatewaySettings, read_key
from edge.upload.tls import tls_context


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
    """Ask one address for ourselves. Raises SettingsInvalid for certificates that cannot be used."""
    try:
        key = read_key(told.key_file)
    except KeyUnusable:
        key = "none"
    context = tls_context(told.ca_file, told.certificate_file, told.certificate_key_file)
    with httpx.Client(verify=context, timeout=told.timeout_s, transport=transport) as client:
        asked_s, asked_at = time.monotonic(), datetime.now(UTC)
        try:
            answer = client.get(f"{url.rstrip('/')}/api/v1/devices/self", headers={"X-API-Key": key})
        except httpx.RequestError as error:
            return Probed(reached=False, reason=str(error) or type(error).__name__)
        took_s = time.monotonic() - asked_s
    return _understood(answer, took_s, asked_at)


def _understood(answer: httpx.Response, took_s: float, asked_at: datetime) -> Probed:
    try:
        body = answer.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        page = " ".join(answer.text[:80].split())
        return Probed(reached=False, reason=f"this is no doorbell cluster: it answers {answer.status_code}, {page!r}")
    milliseconds = took_s * 1000
    if answer.status_code != httpx.codes.OK:
        reason = f"{answer.status_code}: {body.get('detail', answer.reason_phrase)}"
        return Probed(reached=True, milliseconds=milliseconds, reason=reason)
    device = str((body.get("device") or {}).get("name", ""))
    offset_s = _offset_s(body.get("time"), asked_at.timestamp() + took_s / 2)
    return Probed(reached=True, milliseconds=milliseconds, key_valid=True, device=device, offset_s=offset_s)


def _offset_s(cluster_time: object, middle_s: float) -> float | None:
    try:
        return datetime.fromisoformat(str(cluster_time)).timestamp() - middle_s
    except ValueError:
        return None
