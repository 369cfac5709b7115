from __future__ import annotations

import errno
import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from random import Random
from threading import Event, Thread

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge.camera import Frame
from edge.errors import FrameTooLarge, SpoolBusy, SpoolFull, SpoolUnusable
from edge.spool.disk import Disk
from edge.spool.frame_file import encode
from edge.spool.queue import Entry, Spool, SpoolKey, SpoolLimits
from edge.spool.set_aside import listed
from tests.unit.edge.spool.faulty_disk import FaultyDisk

FrameMaker = Callable[..., Frame]
FOLDER = Path("/spool")


def contents(spool: Spool) -> list[Frame]:
    frames = (spool.read(entry) for entry in spool.entries())
    return [frame for frame in frames if frame is not None]


def frame_ids(entries: list[Entry]) -> list[str]:
    return [entry.frame_id for entry in entries]


def test_frames_come_out_whole_and_in_the_order_of_arrival(tmp_path: Path, a_frame: FrameMaker) -> None:
    frames = [a_frame(bytes([n]) * 100, f"{n}.jpg") for n in range(12)]
    with Spool(tmp_path / "deep" / "spool") as spool:
        for frame in frames:
            spool.take(frame, 0.0)

        assert contents(spool) == frames
        for entry in spool.entries():
            spool.done(entry)
        assert len(spool) == spool.bytes == 0
    assert list(tmp_path.glob("**/*.frame")) == []


def test_an_entry_tells_what_an_order_and_a_policy_need(tmp_path: Path, a_frame: FrameMaker) -> None:
    frame = replace(a_frame(), face=True, boot_id="b", boot_s=12.5)
    with Spool(tmp_path) as spool:
        taken = spool.take(frame, 7.0)
        assert (taken.camera_id, taken.trigger, taken.face, taken.captured_s) == ("front-door", "button", True, 7.0)
    with Spool(tmp_path) as spool:
        (found,) = spool.entries()
        assert spool.read(found) == frame

    assert found == replace(taken, captured_s=None, waited_s0=found.waited_s0)


def test_frames_survive_a_restart_in_their_order(tmp_path: Path, a_frame: FrameMaker) -> None:
    frames = [a_frame(), a_frame()]
    for frame in frames:
        with Spool(tmp_path) as spool:
            spool.take(frame, 0.0)
    with Spool(tmp_path) as spool:
        assert contents(spool) == frames


def test_a_frame_counts_as_taken_only_after_file_and_folder_are_synced(a_frame: FrameMaker) -> None:
    steps = []

    class Watched(FaultyDisk):
        def fsync(self, descriptor: int) -> None:
            steps.append(("file", len(spool)))
            super().fsync(descriptor)

        def rename(self, path: Path, to: Path) -> None:
            steps.append(("rename", len(spool)))
            super().rename(path, to)

        def fsync_folder(self, folder: Path) -> None:
            steps.append(("folder", len(spool)))
            super().fsync_folder(folder)

    disk = Watched(Random(0))
    spool: list[Entry] | Spool = []
    spool = Spool(FOLDER, disk=disk)
    steps.clear()
    spool.take(a_frame(), 0.0)

    assert steps == [("file", 0), ("rename", 0), ("folder", 0)]
    assert len(spool) == 1


def test_the_queue_answers_while_a_frame_is_being_synced(tmp_path: Path, a_frame: FrameMaker) -> None:
    syncing, go_on = Event(), Event()

    class Slow(Disk):
        def fsync(self, descriptor: int) -> None:
            syncing.set()
            assert go_on.wait(10)

    with Spool(tmp_path) as spool:
        spool.take(a_frame(), 0.0)
    go_on.set()
    with Spool(tmp_path, disk=Slow()) as spool:
        syncing.clear()
        go_on.clear()
        taking = Thread(target=spool.take, args=(a_frame(), 0.0))
        taking.start()
        assert syncing.wait(10)

        (entry,) = spool.entries()
        spool.done(entry)
        assert len(spool) == 0
        go_on.set()
        taking.join()
        assert len(spool) == 1


def test_several_cameras_fill_it_while_it_is_emptied(tmp_path: Path, a_frame: FrameMaker) -> None:
    frames = [a_frame() for _ in range(60)]
    sent: list[str] = []
    with Spool(tmp_path) as spool:

        def take(some: list[Frame]) -> None:
            for frame in some:
                spool.take(frame, 0.0)

        def send() -> None:
            while len(sent) < len(frames):
                spool.wait_until(lambda: len(spool) > 0)
                for entry in spool.entries():
                    assert spool.read(entry) is not None
                    spool.done(entry)
                    sent.append(entry.frame_id)

        threads = [Thread(target=take, args=(frames[n::3],)) for n in range(3)] + [Thread(target=send)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)

        assert sorted(sent) == sorted(frame.frame_id for frame in frames)
        assert len(spool) == spool.bytes == 0


def test_what_a_crash_left_half_written_is_removed_and_counted(tmp_path: Path, a_frame: FrameMaker) -> None:
    leftover = tmp_path / ".000000000001-x.frame.tmp"
    leftover.write_bytes(encode(a_frame())[:20])

    with Spool(tmp_path) as spool:
        assert spool.entries() == []
        assert spool.torn == 1

    assert not leftover.exists()


@pytest.mark.parametrize("left", [b"", b"\0" * 5000, b"{}", b"{\n\n\n", b"[]\n", b'{"format": 1e999}\n'])
def test_a_file_that_lost_its_data_is_set_aside_and_the_queue_goes_on(
    tmp_path: Path, a_frame: FrameMaker, left: bytes
) -> None:
    good = a_frame()
    with Spool(tmp_path) as spool:
        lost = spool.take(a_frame(), 0.0)
        spool.take(good, 0.0)
    lost.path.write_bytes(left)
    with Spool(tmp_path) as spool:
        assert contents(spool) == [good]
        assert (spool.damaged, len(spool)) == (1, 1)

    assert [row["file"] for row in listed(tmp_path / "damaged")] == [lost.path.name]


def test_a_damaged_file_that_cannot_be_set_aside_is_passed_over(a_frame: FrameMaker) -> None:
    disk, good = FaultyDisk(Random(0)), a_frame()
    spool = Spool(FOLDER, disk=disk)
    bad = spool.take(a_frame(), 0.0)
    spool.take(good, 0.0)
    disk.names_now[bad.path].cached[-1] ^= 1
    disk.fail(1, errno.ENOSPC, sticky=True)

    assert spool.read(bad) is None
    disk.heal()
    assert contents(spool) == [good]


def test_a_file_the_disk_will_not_give_back_waits_for_the_next_start(a_frame: FrameMaker) -> None:
    disk, frame = FaultyDisk(Random(0)), a_frame()
    spool = Spool(FOLDER, disk=disk)
    spool.take(frame, 0.0)
    disk.fail(0, errno.EIO)

    assert contents(spool) == spool.entries() == []
    assert (spool.unreadable, spool.damaged) == (1, 0)
    disk.kill()
    assert contents(Spool(FOLDER, disk=disk)) == [frame]


def test_a_file_that_vanished_is_no_reason_to_stop(tmp_path: Path, a_frame: FrameMaker) -> None:
    with Spool(tmp_path) as spool:
        spool.take(a_frame(), 0.0).path.unlink()

        assert contents(spool) == spool.entries() == []


def test_a_refused_frame_is_kept_apart_with_its_reason(tmp_path: Path, a_frame: FrameMaker) -> None:
    with Spool(tmp_path) as spool:
        spool.refuse(spool.take(a_frame(), 0.0), {"title": "undecodable", "status": 422})

        assert spool.entries() == []
    (row,) = listed(tmp_path / "refused")
    assert row["reason"] == {"title": "undecodable", "status": 422}


def test_set_aside_files_do_not_fill_the_disk_and_the_newest_stay(tmp_path: Path, a_frame: FrameMaker) -> None:
    frames = [a_frame() for _ in range(5)]
    for frame in frames:
        # Each in a process of its own: numbers go on although nothing waits in between.
        with Spool(tmp_path, SpoolLimits(max_set_aside=2)) as spool:
            spool.refuse(spool.take(frame, 0.0), {})

    kept = [row["file"] for row in listed(tmp_path / "refused")]
    assert [name[13:49] for name in kept] == [frame.frame_id for frame in frames[-2:]]
    assert len(list((tmp_path / "refused").iterdir())) == 4


def test_a_full_spool_lets_the_oldest_without_a_face_go_first(tmp_path: Path, a_frame: FrameMaker) -> None:
    faces = (True, None, False, True)
    frames = [replace(a_frame(), face=face) for face in faces]
    with Spool(tmp_path, SpoolLimits(max_frames=3)) as spool:
        for frame in frames:
            spool.take(frame, 0.0)
        assert contents(spool) == [frames[0], frames[1], frames[3]]
        spool.take(replace(a_frame(), face=True), 0.0)

        assert frame_ids(spool.entries())[:2] == [frames[0].frame_id, frames[3].frame_id]
        assert spool.dropped == {"full": 2}


def test_a_frame_worth_less_than_all_that_waits_is_not_taken(tmp_path: Path, a_frame: FrameMaker) -> None:
    kept = [replace(a_frame(), face=True), a_frame()]
    with Spool(tmp_path, SpoolLimits(max_frames=2)) as spool:
        for frame in kept:
            spool.take(frame, 0.0)
        with pytest.raises(SpoolFull, match="worth more"):
            spool.take(replace(a_frame(), face=False), 0.0)

        assert contents(spool) == kept
        assert spool.dropped == {}


def test_the_bytes_on_disk_do_not_exceed_the_limit(tmp_path: Path, a_frame: FrameMaker) -> None:
    limit = 5_000
    with Spool(tmp_path, SpoolLimits(max_bytes=limit)) as spool:
        for size in (900, 2000, 100, 4000, 1, 3000, 2500):
            spool.take(a_frame(b"x" * size), 0.0)
            assert sum(file.stat().st_size for file in tmp_path.glob("*.frame")) == spool.bytes <= limit


def test_a_frame_larger_than_the_whole_spool_costs_no_other_frame(tmp_path: Path, a_frame: FrameMaker) -> None:
    kept = a_frame()
    with Spool(tmp_path, SpoolLimits(max_bytes=1000)) as spool:
        spool.take(kept, 0.0)
        with pytest.raises(FrameTooLarge):
            spool.take(a_frame(b"x" * 1000), 0.0)

        assert contents(spool) == [kept]


class Clock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Iterator[Clock]:
    return Clock()


def test_what_has_waited_too_long_goes_first_whatever_it_is(tmp_path: Path, a_frame: FrameMaker, clock: Clock) -> None:
    old, young = replace(a_frame(), face=True), replace(a_frame(), face=False)
    with Spool(tmp_path, SpoolLimits(max_frames=2, max_age_s=60), clock=clock) as spool:
        spool.take(old, clock())
        clock.now_s += 40
        spool.take(young, clock())
        assert spool.oldest_s() == 40
        clock.now_s += 30
        spool.take(a_frame(), clock())

        assert old.frame_id not in frame_ids(spool.entries())
        assert len(spool) == 2
        assert spool.dropped == {"age": 1}


def test_age_counts_the_time_of_all_processes_and_no_other(tmp_path: Path, a_frame: FrameMaker, clock: Clock) -> None:
    limits = SpoolLimits(max_age_s=100)
    with Spool(tmp_path, limits, clock=clock) as spool:
        spool.take(a_frame(), clock())
        clock.now_s += 60
    clock.now_s = 5.0
    with Spool(tmp_path, limits, clock=clock) as spool:
        assert spool.oldest_s() == pytest.approx(60)
        clock.now_s += 39
        assert len(spool.entries()) == 1
        clock.now_s += 2
        assert spool.entries() == []
        assert spool.dropped == {"age": 1}
        assert spool.oldest_s() is None
    assert list(tmp_path.glob("*.frame")) == []


def test_a_process_that_was_killed_loses_ten_minutes_of_age_at_the_most(a_frame: FrameMaker, clock: Clock) -> None:
    disk = FaultyDisk(Random(0))
    spool = Spool(FOLDER, disk=disk, clock=clock)
    spool.take(a_frame(), clock())
    for _ in range(25):
        clock.now_s += 60
        spool.entries()
    disk.kill()

    assert Spool(FOLDER, disk=disk, clock=clock).oldest_s() == pytest.approx(1200)


def test_a_full_disk_gives_its_room_to_the_frame_worth_more(a_frame: FrameMaker) -> None:
    disk = FaultyDisk(Random(0))
    spool = Spool(FOLDER, disk=disk, clock=lambda: 0.0)
    frames = [replace(a_frame(b"x" * 5000), face=face) for face in (True, False, False)]
    for frame in frames:
        spool.take(frame, 0.0)
    disk.capacity = disk.used()
    spool.take(newcomer := a_frame(b"y" * 5000), 0.0)

    assert contents(spool) == [frames[0], frames[2], newcomer]
    assert spool.dropped == {"full": 1}


def test_a_full_disk_on_which_nothing_may_go_keeps_what_waits(a_frame: FrameMaker) -> None:
    disk, kept = FaultyDisk(Random(0)), replace(a_frame(b"x" * 5000), face=True)
    spool = Spool(FOLDER, disk=disk)
    spool.take(kept, 0.0)
    disk.capacity = disk.used() + 100

    with pytest.raises(SpoolUnusable, match="No space left"):
        spool.take(a_frame(b"y" * 5000), 0.0)
    assert contents(spool) == [kept]
    assert all(path.name.startswith(("0", "FORMAT")) for path in disk.names_now)


def test_a_full_disk_keeps_no_agent_from_opening_what_waits(a_frame: FrameMaker) -> None:
    disk, frame = FaultyDisk(Random(0)), a_frame()
    spool = Spool(FOLDER, disk=disk)
    spool.take(frame, 0.0)
    disk.kill()
    disk.unlink(FOLDER / "FORMAT")
    disk.capacity = 0

    assert contents(Spool(FOLDER, disk=disk)) == [frame]


@pytest.mark.parametrize(("number", "says"), [(errno.EROFS, "Read-only"), (errno.EIO, "Input/output")])
@pytest.mark.parametrize("after", range(4))
def test_a_disk_that_fails_while_a_frame_is_written_costs_nothing_that_waits(
    a_frame: FrameMaker, number: int, says: str, after: int
) -> None:
    disk, kept = FaultyDisk(Random(1)), a_frame(b"")
    spool = Spool(FOLDER, SpoolLimits(max_frames=1), disk=disk)
    spool.take(kept, 0.0)
    disk.fail(after, number, sticky=True)

    with pytest.raises(SpoolUnusable, match=says) as error:
        spool.take(a_frame(), 0.0)
    disk.heal()
    assert "\n" not in str(error.value)
    assert contents(spool) == [kept]


def test_a_file_whose_sync_failed_is_never_trusted_again(a_frame: FrameMaker) -> None:
    disk, frame = FaultyDisk(Random(0)), a_frame()
    spool = Spool(FOLDER, disk=disk)
    disk.fail(2, errno.EIO)
    with pytest.raises(SpoolUnusable):
        spool.take(frame, 0.0)
    spool.take(frame, 0.0)
    disk.cut_power()

    assert frame in contents(Spool(FOLDER, disk=disk))


def test_a_second_agent_on_one_spool_is_told_so(tmp_path: Path) -> None:
    with Spool(tmp_path), pytest.raises(SpoolBusy, match="another agent"):
        Spool(tmp_path)
    Spool(tmp_path).close()


def test_the_lock_holds_between_processes(tmp_path: Path) -> None:
    opens = f"import pathlib, edge.spool.queue; edge.spool.queue.Spool(pathlib.Path({str(tmp_path)!r}))"
    with Spool(tmp_path):
        second = subprocess.run([sys.executable, "-c", opens], capture_output=True, text=True)

    assert "SpoolBusy" in second.stderr


def test_a_spool_that_cannot_be_a_folder_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(SpoolUnusable, match="cannot be used"):
        Spool(tmp_path / "file" / "spool")


def everything_in(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.name != ".lock"}


def test_a_spool_of_a_newer_version_is_left_as_it_is(tmp_path: Path, a_frame: FrameMaker) -> None:
    with Spool(tmp_path) as spool:
        spool.take(a_frame(), 0.0)
    (tmp_path / "FORMAT").write_text("3\n")
    (tmp_path / ".000000000002-x.frame.tmp").write_bytes(b"half")
    before = everything_in(tmp_path)

    with pytest.raises(SpoolUnusable, match="newer version ; update doorbell-edge"):
        Spool(tmp_path)
    assert everything_in(tmp_path) == before
    (tmp_path / "FORMAT").write_text("2\n")
    Spool(tmp_path).close()


def test_frames_of_another_key_or_without_one_are_left_as_they_are(tmp_path: Path, a_frame: FrameMaker) -> None:
    right, frame = SpoolKey(b"k" * 32), a_frame(b"a visitor")
    with Spool(tmp_path, key=right) as spool:
        spool.take(frame, 0.0)
    before = everything_in(tmp_path)

    for key in (None, SpoolKey(b"z" * 32)):
        with pytest.raises(SpoolUnusable, match=r"encrypted with .* ; give the right key_file"):
            Spool(tmp_path, key=key)
    assert everything_in(tmp_path) == before
    assert not any(b"a visitor" in data for data in before.values())
    with Spool(tmp_path, key=right) as spool:
        assert contents(spool) == [frame]


def test_frames_from_before_there_was_a_key_are_still_sent(tmp_path: Path, a_frame: FrameMaker) -> None:
    frames = [a_frame(), a_frame()]
    with Spool(tmp_path) as spool:
        spool.take(frames[0], 0.0)
    with Spool(tmp_path, key=SpoolKey(b"k" * 32)) as spool:
        spool.take(frames[1], 0.0)

        assert contents(spool) == frames


DAMAGE = st.lists(
    st.tuples(st.sampled_from(["cut", "flip"]), st.integers(0, 2), st.integers(0, 4000), st.integers(1, 255)),
    min_size=1,
    max_size=4,
)


def spoil(data: bytes, kind: str, at: int, bits: int) -> bytes:
    at %= len(data) or 1
    if kind == "cut" or not data:
        return data[:at]
    return data[:at] + bytes([data[at] ^ bits]) + data[at + 1 :]


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(damage=DAMAGE)
def test_no_damage_to_the_files_ever_stops_the_queue_or_yields_wrong_bytes(
    tmp_path_factory: pytest.TempPathFactory, a_frame: FrameMaker, damage: list[tuple[str, int, int, int]]
) -> None:
    folder = tmp_path_factory.mktemp("spool")
    frames = [a_frame(os.urandom(500), f"{n}.jpg") for n in range(3)]
    with Spool(folder) as spool:
        for frame in frames:
            spool.take(frame, 0.0)
    files = sorted(folder.glob("*.frame"))
    whole = [file.read_bytes() for file in files]
    for kind, which, at, bits in damage:
        files[which].write_bytes(spoil(files[which].read_bytes(), kind, at, bits))
    intact = [frame for frame, file, data in zip(frames, files, whole, strict=True) if file.read_bytes() == data]

    with Spool(folder) as spool:
        assert contents(spool) == intact
        assert spool.damaged == len(frames) - len(intact)


def test_a_frame_taken_twice_is_two_files_with_one_id(tmp_path: Path, a_frame: FrameMaker) -> None:
    frame = a_frame()
    with Spool(tmp_path) as spool:
        assert uuid.UUID(spool.take(frame, 0.0).frame_id) == uuid.UUID(spool.take(frame, 0.0).frame_id)
        assert contents(spool) == [frame, frame]
