"""The addresses of one gateway, the best first, and the one that is in use."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from threading import Lock

import httpx
import structlog

from edge.upload.address import checked_url

log = structlog.get_logger(__name__)


class Addresses:
    """Where the gateway can be reached; shared by all who talk to it, in any thread. Raises SettingsInvalid.

    Whoever got an answer stays with that address, until the first one is known to work again.
    """

    def __init__(self, urls: Sequence[str]) -> None:
        self._urls = tuple(checked_url(url) for url in urls)
        self._in_use = self._urls[0]
        self._lock = Lock()
        for url in self._urls:
            if sends_in_clear(url):
                log.warning("gateway.unencrypted", gateway=place(url), reason="anybody on the way can read the key")

    @property
    def first(self) -> httpx.URL:
        return self._urls[0]

    @property
    def encrypted(self) -> bool:
        """Whether TLS is needed for any of them."""
        return any(url.scheme == "https" for url in self._urls)

    @property
    def at_first(self) -> bool:
        return self._in_use == self.first

    def in_order(self) -> list[httpx.URL]:
        """Return all addresses in the order to try: the one in use, then the others as they were given."""
        in_use = self._in_use
        return [in_use, *(url for url in self._urls if url != in_use)]

    def use(self, url: httpx.URL) -> bool:
        """Stay with an address that answers; return whether this has just left the first one."""
        with self._lock:
            if url == self._in_use:
                return False
            leaves, self._in_use = self.at_first, url
        log.warning("gateway.address_changed", gateway=place(url))
        return leaves


def place(url: httpx.URL) -> str:
    """Return scheme, host and port; what else an address carries may be a secret."""
    return f"{url.scheme}://{url.netloc.decode()}"


def sends_in_clear(url: httpx.URL) -> bool:
    """Return whether what is sent there can be read on the way: no TLS, and not this very machine."""
    if url.scheme == "https" or url.host == "localhost":
        return False
    try:
        return not ipaddress.ip_address(url.host).is_loopback
    except ValueError:
        return True
