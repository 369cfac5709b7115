"""How long to wait before the next try. Pure: chance and time are arguments."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

LONGEST_OBEYED_S = 3600.0
"""No Retry-After holds us longer: a mistyped date must not silence a door for a year."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """Exponential backoff with full jitter, in seconds.

    Source: "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
    """

    first_s: float = 0.5
    longest_s: float = 60.0
    key_refused_s: float = 60.0

    def pause_s(self, failures: int, chance: float, retry_after_s: float | None = None) -> float:
        """Return the wait after the given number of failures in a row (at least 1); `chance` lies in [0, 1).

        The wish of the gateway is a lower bound, and the jitter comes on top, or all doors would return at once.
        """
        ceiling_s = min(self.longest_s, self.first_s * 2.0 ** min(failures - 1, 64))
        return chance * ceiling_s + (retry_after_s or 0.0)


def retry_after_s(value: str | None, now: datetime) -> float | None:
    """Return the seconds a Retry-After header asks for, as a number or an HTTP date; None for anything else."""
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        return min(float(text), LONGEST_OBEYED_S)
    try:
        until = parsedate_to_datetime(text)
    except ValueError:
        return None
    seconds = (until if until.tzinfo else until.replace(tzinfo=UTC)) - now
    return min(max(seconds.total_seconds(), 0.0), LONGEST_OBEYED_S)
