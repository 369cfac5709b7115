"""Old snapshots go, and then the chunks that no snapshot needs.

First what no snapshot needs is condemned: its names are written down. It is deleted at the earliest an hour later, by
the target's clock, and only if no snapshot that is there by then needs it: one that was being taken, and found the
chunk there, has been committed within the hour or not at all. A snapshot that begins later leaves condemned names
alone. So a prune needs no lock against snapshots, and may be killed anywhere: what it has written down is true, and the
next one goes on from it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from backup.ahead import ahead
from backup.errors import Busy
from backup.failpoints import reached
from backup.holds import Hold, held, others
from backup.references import References
from backup.repository import Repository
from backup.retention import Policy, keep
from backup.targets.target import Stored
from backup.writing import chunk_name, seconds_up

MOST_SWEEP_SECONDS = 30 * 60
"""A prune that was stopped for longer must not go on deleting what it knew to be unneeded then."""


@dataclass(frozen=True, slots=True)
class Grace:
    """`condemned`: from writing down to deletion, more than a snapshot may take. `young`: an unneeded chunk is left
    alone so long, so that a snapshot that was broken off finds what it had uploaded. Snapshots younger than
    `condemned` stay as well: one that is being taken may build on them."""

    condemned: timedelta = timedelta(hours=1)
    young: timedelta = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Pruned:
    """`kept` with the reasons; `swept` chunks were deleted, which were `bytes_freed`; `condemned` ones are next.

    `waiting` says why nothing was swept, where something was due.
    """

    kept: dict[str, tuple[str, ...]]
    removed: tuple[str, ...]
    condemned: int
    swept: int
    bytes_freed: int
    waiting: str | None


def prune(
    repository: Repository,
    policy: Policy,
    now: datetime,
    grace: Grace = Grace(),
    progress: Callable[[str], None] = lambda _: None,
) -> Pruned:
    """Raises Busy when another prune runs, Damaged when a snapshot or a list of ranges cannot be read."""
    with held(repository.target, "prune") as mine:
        found, target_now = others(repository.target, mine)
        living = [each for each in found if each.purpose != "keys"]  # which reads no snapshot
        if any(each.purpose == "prune" for each in living):
            raise Busy(f"another prune works on {repository.target.place}; wait until it has ended")
        run = _Run(repository, References(repository), living, target_now, grace)
        progress("sweeping")
        swept, freed, waiting = run.sweep()
        progress("removing snapshots")
        kept, removed = run.remove(policy, now) if waiting is None else run.left_alone(waiting)
        progress("looking for what no snapshot needs")
        return Pruned(kept, removed, run.condemn(), swept, freed, waiting)


@dataclass(frozen=True, slots=True)
class _Run:
    """One prune; `now` is the target's time at its beginning."""

    repository: Repository
    references: References
    living: list[Hold]
    now: datetime
    grace: Grace

    def sweep(self) -> tuple[int, int, str | None]:
        """Delete what was condemned long enough ago and is needed by nobody: how many, their bytes, why not."""
        target, began = self.repository.target, seconds_up()
        due = [each for each in target.list("condemned/") if self.now - each.modified >= self.grace.condemned]
        if not due:
            return 0, 0, None
        if self.living:
            return 0, 0, f"{self.living[0].purpose} of {self.living[0].snapshot or 'everything'} is going on"
        condemned = self.repository.condemned()
        names = frozenset().union(*(condemned.get(each.name, frozenset()) for each in due))
        unneeded = names - self.references.marked(self.references.manifests().values())
        sizes = {chunk: stored.size for chunk, stored in self.repository.chunks() if chunk in unneeded}

        def delete(chunk: str) -> int:
            if seconds_up() - began > MOST_SWEEP_SECONDS:
                raise Busy("this prune was stopped for too long to go on; run it again")
            target.delete(chunk_name(chunk))
            reached("prune.after_sweep")
            return sizes[chunk]

        freed = sum(ahead(delete, sorted(sizes)))
        for each in due:
            target.delete(each.name)
            reached("prune.after_mark_removed")
        return len(sizes), freed, None

    def remove(self, policy: Policy, now: datetime) -> tuple[dict[str, tuple[str, ...]], tuple[str, ...]]:
        """What is kept and why, and the snapshots that went."""
        target = self.repository.target
        stored = {each.name.removeprefix("snapshots/"): each for each in target.list("snapshots/")}
        ids = self.repository.ids()
        manifests = self.references.manifests()
        self.references.marked(manifests.values())  # all must be readable before one goes
        taken = {each: manifests[each].taken_at for each in ids}  # ids of a clock that was set back stand still
        kept = {each: ("newest",) for each in ids[-1:]} | keep(taken, policy, set(self.repository.verified_ids()), now)
        for each in ids:
            if each not in kept and (why := self._spared(each, stored.get(each))):
                kept[each] = (why,)
        gone = tuple(each for each in ids if each not in kept)
        for each in gone:
            target.delete(f"snapshots/{each}")
            reached("prune.after_remove")
        for verified in list(target.list("verified/")):
            if verified.name.removeprefix("verified/") in gone:
                target.delete(verified.name)
        return kept, gone

    def left_alone(self, why: str) -> tuple[dict[str, tuple[str, ...]], tuple[str, ...]]:
        """While a sweep is due no snapshot goes: one that is being taken may build on it, and on what is condemned."""
        return {each: (why,) for each in self.repository.ids()}, ()

    def condemn(self) -> int:
        """Write down every chunk that no snapshot needs; how many are new."""
        already = frozenset().union(*self.repository.condemned().values())
        old = [chunk for chunk, stored in self.repository.chunks() if self.now - stored.modified >= self.grace.young]
        unneeded = set(old) - self.references.marked(self.references.manifests().values()) - already
        self.repository.condemn(unneeded)
        return len(unneeded)

    def _spared(self, snapshot: str, stored: Stored | None) -> str | None:
        """Why a snapshot stays that the policy would let go."""
        if stored is None or self.now - stored.modified < self.grace.condemned:
            return "just taken"
        return "being read" if any(each.snapshot in ("", snapshot) for each in self.living) else None
