"""What the settings say of a spool, as the spool takes it."""

from __future__ import annotations

from edge.settings import SpoolSettings
from edge.spool.key import SpoolKey, read_spool_key
from edge.spool.queue import SpoolLimits


def limits_of(told: SpoolSettings) -> SpoolLimits:
    """Return how much may wait, and for how long."""
    return SpoolLimits(told.max_bytes, told.max_frames, told.max_set_aside, told.max_age_s)


def key_of(told: SpoolSettings) -> SpoolKey | None:
    """Return the key that encrypts what waits, None where none is named. Raises KeyUnusable."""
    return None if told.key_file is None else read_spool_key(told.key_file)
