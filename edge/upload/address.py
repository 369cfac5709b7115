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
    if not _is_resolvable(parsed.raw_host) or not 0 < (parsed.port or 80) < 65536:
        raise SettingsInvalid(f"{url!r} names no possible host and port", "write it as https://gateway.example:443")
    return parsed


def _is_resolvable(host: bytes) -> bool:
    """Whether the resolver takes the name: an empty or overlong label makes it raise UnicodeError, not OSError."""
    try:
        host.decode("ascii").encode("idna")
    except UnicodeError:
        return False
    return True
