"""Whether a colour's replicas are well, from one look after the other. Pure."""

from __future__ import annotations

from datetime import datetime

SETTLING_SECONDS = 10.0
"""Each new config has Serve say for a moment that it deploys."""


class Health:
    """Remembers when the colour was well."""

    def __init__(self) -> None:
        self._well_at: datetime | None = None

    def trouble(self, found: str | None, now: datetime) -> str | None:
        """What is wrong, if anything is; `found` is empty while replicas start."""
        if found is None:
            self._well_at = now
        elif found:
            return found
        elif (now - (self._well_at or now)).total_seconds() > SETTLING_SECONDS:
            return "its replicas start again"
        self._well_at = self._well_at or now
        return None
