"""Snapshots, prunes and readers in any order and at any speed: what was committed can be read."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from backup.errors import Busy
from backup.manifest import Collection, Manifest, Range
from backup.prune import Grace, prune
from backup.repository import Repository
from backup.retention import Policy
from backup.targets.memory import MemoryTarget
from backup.verify import verify
from backup.writing import Writing
from tests.made_snapshots import NOW, SOURCE, Clock, passphrase_in

CONTENTS = st.lists(st.sampled_from([b"\x91" + bytes([number]) for number in range(2)]), max_size=2)
LAST = Policy(timedelta(0), 1, 0, 0, 0, 0)
NO_YOUTH = Grace(young=timedelta(0))
Begun = tuple[Repository, Writing, Manifest | None]


class BesideEachOther(RuleBasedStateMachine):
    """Two processes take snapshots, each may begin many and end few; prunes run between any two of their steps."""

    begun = Bundle("begun")

    def __init__(self) -> None:
        super().__init__()
        self.patch = pytest.MonkeyPatch()
        self.clock = Clock()
        self.patch.setattr("backup.passphrase.COST", 2)
        for module in ("writing", "repository", "prune"):
            self.patch.setattr(f"backup.{module}.seconds_up", lambda: (self.clock.now - NOW).total_seconds())
        self.folder = TemporaryDirectory()
        self.key = passphrase_in(Path(self.folder.name) / "key")
        self.target = MemoryTarget(self.clock)
        self.processes = [Repository.create(self.target, self.key, NOW), self.opened()]

    def teardown(self) -> None:
        self.patch.undo()
        self.folder.cleanup()

    def opened(self) -> Repository:
        return Repository.open(self.target, self.key)

    @rule(target=begun, process=st.integers(0, 1))
    def begin(self, process: int) -> Begun:
        repository = self.processes[process]
        return repository, repository.writing(), repository.latest() if repository.ids() else None

    @rule(of=consumes(begun), contents=CONTENTS)
    def upload_and_be_killed(self, of: Begun, contents: list[bytes]) -> None:
        for content in contents:
            of[1].put(content)
        of[1].finish()

    @rule(of=consumes(begun), contents=CONTENTS, from_base=st.booleans())
    def commit(self, of: Begun, contents: list[bytes], from_base: bool) -> None:
        """A snapshot of these contents; or of what its base has, lists taken over unread."""
        repository, writing, base = of
        ranges = [Range(str(number), 1, 2, (writing.put(each),)) for number, each in enumerate(contents)]
        pages: tuple[str, ...] = (repository.put_page(writing, ranges),)
        if from_base and base is not None:
            pages = base.collections[0].pages
        found = Collection("events", "rows", ("id",), len(ranges), 2 * len(ranges), pages)
        manifest = Manifest(repository.new_id(self.clock.now), repository.id, NOW, SOURCE, (found,), None, "test")
        with suppress(Busy):
            repository.commit(manifest, writing)

    @rule(hold=st.booleans(), minutes=st.sampled_from([1, 20, 44, 61]))
    def prune(self, hold: bool, minutes: int) -> None:
        """Some time later."""
        self.clock.pass_by(minutes=minutes)
        repository = self.opened()
        if hold and repository.ids():
            with repository.reading(repository.ids()[0]):
                prune(repository, LAST, self.clock.now, NO_YOUTH)
        else:
            prune(repository, LAST, self.clock.now, NO_YOUTH)

    @rule(process=st.integers(0, 1))
    def restart(self, process: int) -> None:
        self.processes[process] = self.opened()

    @invariant()
    def what_was_committed_can_be_read(self) -> None:
        assert verify(self.opened()).damaged == ()


BesideEachOther.TestCase.settings = settings(
    max_examples=60, stateful_step_count=30, suppress_health_check=list(HealthCheck)
)
TestBesideEachOther = BesideEachOther.TestCase
