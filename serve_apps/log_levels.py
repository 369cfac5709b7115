"""Levels of loggers that somebody wishes, kept in the database: every process sees them, whichever node it is on."""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy import Engine

from cluster.monitoring.levels import Wish, wishes
from serve_apps.database import reading
from serve_apps.tables import load_facts

LOG_LEVELS = "log_levels"
"""The name of the fact."""


def wished(engine: Engine) -> dict[str, Wish]:
    """Those in force now, by logger. Raises SQLAlchemyError."""
    query = sa.select(load_facts.c.value).where(load_facts.c.name == LOG_LEVELS)
    with reading(engine) as connection:
        return wishes(connection.scalar(query) or {}, datetime.now(UTC))
