"""What processes of the cluster tell each other: the newest forecast, the routing in force, and levels of logs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Engine

from serve_apps.database import in_commit_order, reading
from serve_apps.tables import load_facts

FORECAST = "forecast"
ROUTING = "routing"


class Facts:
    """One JSON object for each name, the newest; safe to share between threads and processes."""

    def __init__(self, engine: Engine, clock: Callable[[], datetime]) -> None:
        self._engine = engine
        self._clock = clock

    def write(self, name: str, value: Mapping[str, Any]) -> None:
        """In the place of what was there. Raises SQLAlchemyError."""
        row = {"name": name, "at": self._clock(), "value": dict(value)}
        with self._engine.begin() as connection:
            in_commit_order(connection, load_facts.name)
            connection.execute(load_facts.delete().where(load_facts.c.name == name))
            connection.execute(load_facts.insert().values(row))

    def read(self) -> dict[str, tuple[datetime, dict[str, Any]]]:
        """Each fact with when it was written. Raises SQLAlchemyError."""
        with reading(self._engine) as connection:
            return {row.name: (row.at, row.value) for row in connection.execute(sa.select(load_facts))}
