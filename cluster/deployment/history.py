"""Rollouts on disk, and the one controller that may drive them.

The controller's claim has a number that only grows, and an end that it moves on while it lives. Every write names the
number and is refused when another controller has claimed since: a process that was paused for a minute and wakes up
changes nothing any more.
"""

from __future__ import annotations

import dataclasses
import json
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import psutil
import sqlalchemy as sa
from sqlalchemy import Column, Connection, Engine, Table

from cluster.deployment.rollout import Plan, Rollout, Step
from cluster.security import audit
from cluster.security.alerts import Alert, AlertStore
from cluster.security.audit import Act

metadata = audit.metadata

CLAIM = timedelta(seconds=60)
"""How long a claim lasts without being renewed: longer than any one question to a loaded cluster.

A controller renews it twice a second, and one that has died on this machine is not waited for.
"""

rollouts = Table(
    "rollouts",
    metadata,
    Column("seq", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("id", sa.String(16), nullable=False, unique=True),
    Column("release", sa.String(64), nullable=False),
    Column("digest", sa.String(64), nullable=False),
    Column("colour", sa.String(16), nullable=False),
    Column("before", sa.String(64), nullable=False),
    Column("step", sa.String(16), nullable=False),
    Column("place", sa.Integer, nullable=False),
    Column("plan", sa.JSON, nullable=False),
    Column("started_at", sa.Float, nullable=False),
    Column("updated_at", sa.Float, nullable=False),
    Column("why", sa.Text, nullable=False),
    sqlite_autoincrement=True,
)

rollout_claim = Table(
    "rollout_claim",
    metadata,
    Column("one", sa.Integer, primary_key=True),
    Column("number", sa.Integer, nullable=False),
    Column("holder", sa.String(200), nullable=False),
    Column("until", sa.Float, nullable=False),
)


class RolloutError(Exception):
    """A rollout that cannot be begun or gone on with."""


class History:
    """Rollouts in the database; safe to share between processes."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def claim(self, now: datetime) -> int:
        """The number of this process's claim. Raises RolloutError while another controller holds one."""
        with self._engine.begin() as connection:
            if connection.dialect.name == "postgresql":  # SQLite has one writer anyway
                connection.exec_driver_sql("SELECT pg_advisory_xact_lock(hashtext('rollout_claim'))")
            row = connection.execute(sa.select(rollout_claim).with_for_update()).first()
            if row is not None and row.until > now.timestamp() and not _is_gone(row.holder):
                left = row.until - now.timestamp()
                raise RolloutError(
                    f"another rollout is driven by {row.holder}; watch it with 'doorbell release status', "
                    f"or try again in {left:.0f} s if that process is gone"
                )
            number = 1 if row is None else row.number + 1
            values = {"one": 1, "number": number, "holder": _self(), "until": (now + CLAIM).timestamp()}
            # The row is never deleted: with it would go the number, and whoever waits for the row would find none.
            connection.execute((rollout_claim.insert() if row is None else rollout_claim.update()).values(values))
        return number

    def renew(self, number: int, now: datetime) -> None:
        """Hold the claim for longer. Raises RolloutError when another controller has claimed since."""
        with self._held(number, now):
            pass

    def is_claimed(self, now: datetime) -> bool:
        """Whether a controller holds a claim, and its process lives where that can be seen."""
        with self._engine.connect().execution_options(reading=True) as connection:
            row = connection.execute(sa.select(rollout_claim)).first()
        return row is not None and row.until > now.timestamp() and not _is_gone(row.holder)

    def release_claim(self, number: int, now: datetime) -> None:
        """Let the next controller in at once; does nothing when another one has claimed since."""
        with self._engine.begin() as connection:
            ours = rollout_claim.c.number == number
            connection.execute(rollout_claim.update().where(ours).values(until=now.timestamp()))

    def write(self, rollout: Rollout, number: int, now: datetime) -> Rollout:
        """Keep a rollout as it is now, and each of its steps in the audit trail, too.

        Raises RolloutError when another controller has claimed since.
        """
        rollout = dataclasses.replace(rollout, updated_at=now)
        with self._held(number, now) as connection:
            known = rollouts.c.id == rollout.id
            before = connection.execute(sa.select(rollouts.c.step, rollouts.c.place).where(known)).first()
            if before is None:
                connection.execute(rollouts.insert().values(_row(rollout)))
            else:
                connection.execute(rollouts.update().where(known).values(_row(rollout)))
            if before is None or before.step != rollout.step or before.place != rollout.place:
                audit.append(connection, audit.operator(), now, [_act(rollout, number, before and before.step)])
        return rollout

    def note(self, rollout: Rollout, action: str, number: int, now: datetime, **details: str | None) -> None:
        """A decision about a rollout, for the audit trail. Raises RolloutError when another controller has claimed."""
        with self._held(number, now) as connection:
            told = {"rollout": rollout.id, "claim": number} | details
            audit.append(connection, audit.operator(), now, [Act(action, rollout.release, told)])

    def unfinished(self) -> Rollout | None:
        """The rollout that has not ended, if there is one."""
        last = self.newest(1)
        return last[0] if last and not last[0].step.ended else None

    def newest(self, count: int) -> list[Rollout]:
        """The last rollouts, the newest first."""
        return self._found(sa.select(rollouts).order_by(rollouts.c.seq.desc()).limit(count))

    def last_switch(self) -> Rollout | None:
        """The last one that was completed: it says which release ought to be live."""
        query = sa.select(rollouts).where(rollouts.c.step == Step.COMPLETED.value)
        return next(iter(self._found(query.order_by(rollouts.c.seq.desc()).limit(1))), None)

    def was_live(self, release: str) -> str | None:
        """The digest with which it was live last, an empty line where that was not written down; None: it never was."""
        brought = sa.and_(rollouts.c.release == release, rollouts.c.step == Step.COMPLETED.value)
        found = sa.or_(brought, rollouts.c.before == release)
        query = sa.select(rollouts).where(found).order_by(brought.desc(), rollouts.c.seq.desc()).limit(1)
        row = next(iter(self._found(query)), None)
        return None if row is None else row.digest if row.release == release else ""

    def alert_against(self, rollout: Rollout) -> Alert | None:
        """An alert that began after this rollout did, and asks to take the release back; never of a rollback."""
        return None if rollout.is_rollback else AlertStore(self._engine).first_since(rollout.started_at)

    def _found(self, query: sa.Select[tuple[object, ...]]) -> list[Rollout]:
        with self._engine.connect().execution_options(reading=True) as connection:
            return [_rollout(row) for row in connection.execute(query)]

    @contextmanager
    def _held(self, number: int, now: datetime) -> Iterator[Connection]:
        with self._engine.begin() as connection:
            ours = rollout_claim.c.number == number
            held = connection.execute(rollout_claim.update().where(ours).values(until=(now + CLAIM).timestamp()))
            if not held.rowcount:
                raise RolloutError("another controller has taken over; this one stops and has changed nothing more")
            yield connection


@contextmanager
def claimed(history: History, clock: Callable[[], datetime]) -> Iterator[int]:
    """A claim's number while it is held. Raises RolloutError while another controller holds one."""
    number = history.claim(clock())
    try:
        yield number
    finally:
        history.release_claim(number, clock())


def _self() -> str:
    return f"process {os.getpid()} on {socket.gethostname()}, begun {psutil.Process().create_time():.0f}"


def _is_gone(holder: str) -> bool:
    """Whether the holder was a process of this machine that lives no more; of another machine nobody knows."""
    try:
        pid = int(holder.split()[1])
        here = holder == f"process {pid} on {socket.gethostname()}, begun {holder.rsplit(' ', 1)[1]}"
        return here and f"{psutil.Process(pid).create_time():.0f}" != holder.rsplit(" ", 1)[1]
    except psutil.NoSuchProcess:
        return True
    except (ValueError, IndexError, psutil.Error):
        return False


def _row(rollout: Rollout) -> dict[str, object]:
    values = dataclasses.asdict(rollout)
    moments = {name: values[name].timestamp() for name in ("started_at", "updated_at")}
    return values | moments | {"step": rollout.step.value}


def _act(rollout: Rollout, number: int, came_from: str | None) -> Act:
    """The reason stays in the history: it may name people."""
    shares = rollout.plan.shares
    percent = shares[rollout.place] if rollout.step is Step.SWITCHING and rollout.place < len(shares) else None
    return Act(
        f"{'rollback' if rollout.is_rollback else 'rollout'}.{rollout.step.value}",
        rollout.release,
        {
            "rollout": rollout.id,
            "digest": rollout.digest,
            "colour": rollout.colour,
            "before": rollout.before,
            "came_from": came_from,
            "percent": percent,
            "claim": number,
            "process": os.getpid(),
        },
    )


def _rollout(row: sa.Row[tuple[object, ...]]) -> Rollout:
    values = dict(row._mapping)
    del values["seq"]
    plan = values["plan"] if isinstance(values["plan"], dict) else json.loads(values["plan"])
    values["plan"] = Plan(**plan | {"shares": tuple(plan["shares"])})
    values["step"] = Step(values["step"])
    values |= {name: datetime.fromtimestamp(values[name], UTC) for name in ("started_at", "updated_at")}
    return Rollout(**values)
