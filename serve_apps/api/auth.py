"""Who may ask what."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Request, Security
from fastapi.security import APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer

from cluster.security.api_keys import ApiKey, Scope
from serve_apps.api.parts import off_loop, parts_of
from serve_apps.api.problems import Problem
from serve_apps.gallery.audited import actor
from serve_apps.gallery.store import Gallery

_header = APIKeyHeader(name="X-API-Key", auto_error=False, description="Made by `doorbell keys create`.")
_bearer = HTTPBearer(
    auto_error=False, description="The same key, for callers that can set no header of ours: Alertmanager."
)


async def key_of(request: Request, presented: str | None) -> ApiKey:
    """The key that this request carries. Raises Problem 401."""
    parts = parts_of(request)
    if not presented:
        raise Problem(401, "key-missing", "send an API key in the header X-API-Key")
    now = parts.clock()
    at_hand = parts.keys.at_hand(presented)
    key = parts.keys(presented, now) if at_hand else await off_loop(parts, parts.keys, presented, now)
    if key is None:
        request.state.key_ended = parts.keys.has_ended(presented)
        raise Problem(401, "key-not-valid", "this API key is unknown, revoked or past its end")
    parts.sessions.asked(key.id)
    return key


def needs(scope: Scope) -> Callable[..., Awaitable[ApiKey]]:
    """A dependency that lets only keys with this scope through: 401 without a valid key, 403 without the scope."""

    async def allowed(
        request: Request,
        presented: Annotated[str | None, Security(_header)],
        borne: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)],
    ) -> ApiKey:
        key = await key_of(request, presented or (borne.credentials if borne else None))
        if not key.allows(scope):
            raise Problem(403, "scope-missing", f"this API key lacks the scope '{scope.value}'")
        request.state.actor = f"key {key.id}"
        return key

    return allowed


def gallery_of(request: Request) -> Gallery:
    """The gallery in the hands of whoever's key `needs` has let through."""
    parts = parts_of(request)
    return parts.gallery.by(actor(request.state.actor, parts.clock()))
