"""Addresses of gateways."""

from __future__ import annotations

import httpx

from edge.errors import SettingsInvalid


def checked_url(url: str) -> httpx.URL:
    """Return the address of a gateway. Raises SettingsInvalid."""
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise SettingsInvalid(f"{url!r} is no address: {error}", "write it as https://gateway.example") from error
    if parsed.scheme not in {"http", "https"} or not parsed.host:
        raise SettingsInvalid(f"{url!r} is no http address", "write it as https://gateway.example")
    return parsed
