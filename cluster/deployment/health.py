"""Whether a colour's replicas are well, from one look after the other, and what is said when not. Pure."""

from __future__ import annotations

from datetime import datetime

from cluster.deployment.control import ApplicationDetails

SETTLING_SECONDS = 15.0
"""Each new config has Serve say for a moment that it deploys."""

ERROR_WORDS = ("Error", "Exception", "Failed")


class Health:
    """Remembers when the colour was well."""

    def __init__(self) -> None:
        self._well_at: datetime | None = None

    def changed(self, now: datetime) -> None:
        """Replicas were asked for: until they are there, the colour counts as well."""
        self._well_at = now

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


def last_line(found: ApplicationDetails) -> str:
    """What is wrong: the error of a deployment says more than the application's, which repeats that there is one."""
    texts = [each.message for each in found.deployments] + [found.message]
    lines = [[line.strip() for line in text.splitlines() if line.strip()] for text in texts]
    errors = [[line for line in said if any(word in line for word in ERROR_WORDS)] for said in lines]
    return next((said[-1] for said in [*errors, *lines] if said), found.status)[:500]
