"""The spool on a disk that fails, fills up, rots and loses power at any operation."""

from __future__ import annotations

import errno
import uuid
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from edge.camera import Frame
from edge.errors import SpoolFull, SpoolUnusable
from edge.spool import frame_file
from edge.spool.entry import Entry
from edge.spool.eviction import rank
from edge.spool.queue import Spool, SpoolKey, SpoolLimits
from edge.trigger import TriggerKind
from tests.unit.edge.spool.faulty_disk import FaultyDisk, PowerCut

FOLDER = Path("/spool")
LIMITS = SpoolLimits(max_bytes=60_000, max_frames=5, max_set_aside=3)
KEY = SpoolKey(bytes(32))
ERRORS = st.sampled_from([errno.EIO, errno.ENOSPC, errno.EROFS])
SEEDS = st.integers(0, 2**32)
SOON = st.integers(0, 12)
WHICH = st.integers(0, 20)
PICTURES = st.tuples(
    st.integers(0, 14_000),
    st.sampled_from([True, False, None]),
    st.sampled_from(["button", "motion"]),
)


class SpoolUnderFaults(RuleBasedStateMachine):
    """`kept` must be there whole after whatever happens; of the rest that was `sent`, anything may, but only whole."""

    disk_class = FaultyDisk

    @initialize(seed=SEEDS, encrypted=st.booleans())
    def start(self, seed: int, encrypted: bool) -> None:
        self.random = Random(seed)
        self.disk = self.disk_class(self.random)
        self.key = KEY if encrypted else None
        self.sent: dict[str, Frame] = {}
        self.kept: set[str] = set()
        self.rotten: set[Path] = set()
        self.spool = self.opened()

    def opened(self) -> Spool:
        return Spool(FOLDER, LIMITS, key=self.key, disk=self.disk, clock=lambda: 0.0)

    @rule(wanted=st.lists(PICTURES, min_size=1, max_size=5))
    def take_some(self, wanted: list[tuple[int, bool | None, TriggerKind]]) -> None:
        for size, face, trigger in wanted:
            frame_id = str(uuid.UUID(int=self.random.getrandbits(128)))
            taken = datetime(2026, 3, 1, tzinfo=UTC)
            image = self.random.randbytes(size)
            self.take(Frame(frame_id, "door", taken, trigger, image, "image/jpeg", face=face))

    def take(self, frame: Frame) -> None:
        self.sent[frame.frame_id] = frame
        before = {entry.frame_id: entry for entry in self.spool.entries()}
        self.disk.raised.clear()
        try:
            self.spool.take(frame, 0.0)
        except SpoolFull:
            assert before.keys() <= self.waiting()
        except SpoolUnusable:
            assert self.disk.raised
            # Only a full disk may cost what waits without gaining the new frame.
            assert errno.ENOSPC in self.disk.raised or before.keys() <= self.waiting()
            self.account_for_dropped(before, frame)
        except PowerCut:
            self.account_for_dropped(before, frame)
            self.power_is_back()
        else:
            self.account_for_dropped(before, frame)
            self.kept.add(frame.frame_id)
            assert len(self.spool) <= LIMITS.max_frames
            assert self.spool.bytes <= LIMITS.max_bytes

    def account_for_dropped(self, before: dict[str, Entry], newcomer: Frame) -> None:
        for gone in before.keys() - self.waiting():
            assert rank(before[gone].face, before[gone].trigger) <= rank(newcomer.face, newcomer.trigger)
            self.kept.discard(gone)

    def waiting(self) -> set[str]:
        return {entry.frame_id for entry in self.spool.entries()}

    @precondition(lambda self: len(self.spool))
    @rule(which=WHICH, accepted=st.booleans())
    def send(self, which: int, accepted: bool) -> None:
        entry = self.spool.entries()[which % len(self.spool)]
        self.disk.raised.clear()
        try:
            frame = self.spool.read(entry)
            self.judge(entry, frame)
            if frame is None:
                return
            self.kept.discard(entry.frame_id)
            if accepted:
                self.spool.done(entry)
            else:
                self.spool.refuse(entry, {"title": "no", "status": 422})
        except PowerCut:
            self.power_is_back()

    def judge(self, entry: Entry, frame: Frame | None) -> None:
        if frame is None:
            assert entry.path in self.rotten or self.disk.raised
        else:
            assert frame == self.sent[entry.frame_id]

    @rule(after=SOON, error=ERRORS, sticky=st.booleans())
    def the_disk_will_fail(self, after: int, error: int, sticky: bool) -> None:
        self.disk.fail(after, error, sticky=sticky)

    @rule(room=st.integers(0, 20_000))
    def the_disk_is_nearly_full(self, room: int) -> None:
        self.disk.capacity = self.disk.used() + room

    @rule(after=SOON)
    def the_power_will_go(self, after: int) -> None:
        self.disk.cut_in = after

    @rule(how=st.sampled_from(["killed", "closed", "power"]))
    def it_starts_again(self, how: str) -> None:
        try:
            if how == "closed":
                self.spool.close()
            if how != "power":
                self.process_is_back()
                return
        except PowerCut:
            pass
        self.power_is_back()

    @rule(power=st.booleans(), after=SOON, error=st.none() | ERRORS)
    def it_fails_while_it_opens(self, power: bool, after: int, error: int | None) -> None:
        (self.disk.cut_power if power else self.disk.kill)()
        self.disk.heal()
        self.disk.raised.clear()
        if error is None:
            self.disk.cut_in = after
        else:
            self.disk.fail(after, error)
        try:
            self.spool = self.opened()
        except SpoolUnusable:
            assert self.disk.raised
            self.process_is_back()
        except PowerCut:
            self.power_is_back()

    @precondition(lambda self: len(self.spool))
    @rule(which=WHICH, at=st.integers(0, 20_000), bits=st.integers(1, 255))
    def a_byte_rots(self, which: int, at: int, bits: int) -> None:
        entry = self.spool.entries()[which % len(self.spool)]
        inode = self.disk.names_now.get(entry.path)
        if inode is None or inode.durable != inode.cached or entry.path in self.rotten:
            return
        inode.cached[at % len(inode.cached)] ^= bits
        inode.durable = bytes(inode.cached)
        self.kept.discard(entry.frame_id)
        self.rotten.add(entry.path)

    def power_is_back(self) -> None:
        self.disk.cut_power()
        self.process_is_back()

    def process_is_back(self) -> None:
        """Open on a sound disk, and compare all that waits."""
        self.disk.kill()
        self.disk.heal()
        torn = sum(path.name.endswith(".tmp") and ".frame." in path.name for path in self.disk.names_now)
        self.spool = self.opened()
        self.disk.raised.clear()
        assert self.spool.torn == torn
        assert self.kept <= self.waiting()
        rotten = 0
        for entry in self.spool.entries():
            self.judge(entry, self.spool.read(entry))
            rotten += entry.path in self.rotten
        assert self.spool.damaged == rotten
        assert self.kept <= self.waiting()

    @invariant()
    def the_bytes_add_up(self) -> None:
        if hasattr(self, "spool"):
            assert self.spool.bytes == sum(entry.size for entry in self.spool.entries())

    def teardown(self) -> None:
        if hasattr(self, "spool"):
            self.power_is_back()


QUICK = settings(max_examples=200, stateful_step_count=40, suppress_health_check=[HealthCheck.too_slow])
"""A machine that is busy with other tests makes no test wrong."""

FIND = settings(QUICK, max_examples=2000, phases=[Phase.generate], database=None)


def test_what_was_acknowledged_survives_faults_and_power_cuts_at_any_operation() -> None:
    run_state_machine_as_test(SpoolUnderFaults, settings=QUICK)


class WithoutFileSync(FaultyDisk):
    def fsync(self, descriptor: int) -> None:
        self._step()


class WithoutFolderSync(FaultyDisk):
    def fsync_folder(self, folder: Path) -> None:
        self._step()


@pytest.mark.parametrize("broken", [WithoutFileSync, WithoutFolderSync])
def test_a_spool_that_left_out_a_sync_would_be_found_out(broken: type[FaultyDisk]) -> None:
    machine = type("Broken", (SpoolUnderFaults,), {"disk_class": broken})

    with pytest.raises(AssertionError):
        run_state_machine_as_test(machine, settings=FIND)


def test_a_spool_without_checksums_would_be_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frame_file, "_checksum", lambda *_: b"0" * 64)

    with pytest.raises(AssertionError):
        run_state_machine_as_test(SpoolUnderFaults, settings=FIND)
