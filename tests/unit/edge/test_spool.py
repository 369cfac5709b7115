from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge import spool as spool_module
from edge.camera import Frame
from edge.errors import FrameTooLarge, SpoolBusy, SpoolUnusable
from edge.frame_file import encode
from edge.set_aside import listed
from edge.spool import Spool, SpoolLimits

FrameMaker = Callable[..., Frame]


def drained(spool: Spool) -> list[Frame]:
    frames = []
    while waiting := spool.oldest():
        entry, frame = waiting
        frames.append(frame)
        spool.done(entry)
    return frames


def test_frames_come_out_whole_and_in_the_order_of_arrival(tmp_path: Path, a_frame: FrameMaker) -> None:
    frames = [a_frame(bytes([n]) * 100, f"{n}.jpg") for n in range(12)]
    with Spool(tmp_path / "spool") as spool:
        for frame in frames:
            spool.take(frame)

        assert drained(spool) == frames
        assert len(spool) == 0


def test_frames_survive_a_restart_in_their_order(tmp_path: Path, a_frame: FrameMaker) -> None:
    frames = [a_frame(), a_frame()]
    with Spool(tmp_path) as spool:
        spool.take(frames[0])
    with Spool(tmp_path) as spool:
        spool.take(frames[1])
    with Spool(tmp_path) as spool:
        assert drained(spool) == frames


def test_a_frame_counts_as_taken_only_after_file_and_folder_are_synced(
    tmp_path: Path, a_frame: FrameMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = []
    real_fsync = os.fsync
    with Spool(tmp_path) as spool:

        def fsync(descriptor: int) -> None:
            steps.append((Path(f"/proc/self/fd/{descriptor}").readlink().name, len(spool)))
            real_fsync(descriptor)

        monkeypatch.setattr(spool_module.os, "fsync", fsync)
        spool.take(a_frame())

    (file, before), (folder, still_before) = steps
    assert file.endswith(".tmp")
    assert folder == tmp_path.name
    assert before == still_before == 0


def test_what_a_crash_left_half_written_is_removed_at_open(tmp_path: Path, a_frame: FrameMaker) -> None:
    leftover = tmp_path / ".000000000001-x.frame.tmp"
    leftover.write_bytes(encode(a_frame())[:20])

    with Spool(tmp_path) as spool:
        assert spool.oldest() is None

    assert not leftover.exists()


def test_a_damaged_file_is_set_aside_and_the_queue_goes_on(tmp_path: Path, a_frame: FrameMaker) -> None:
    good = a_frame()
    with Spool(tmp_path) as spool:
        spool.take(a_frame())
        spool.take(good)
        first, _ = spool.oldest()
        first.path.write_bytes(first.path.read_bytes()[:-1])

        assert drained(spool) == [good]
        assert spool.damaged == 1

    assert [row["file"] for row in listed(tmp_path / "damaged")] == [first.path.name]


def test_a_file_that_vanished_is_no_reason_to_stop(tmp_path: Path, a_frame: FrameMaker) -> None:
    with Spool(tmp_path) as spool:
        spool.take(a_frame())
        entry, _ = spool.oldest()
        entry.path.unlink()

        assert spool.oldest() is None


def test_a_refused_frame_is_kept_apart_with_its_reason(tmp_path: Path, a_frame: FrameMaker) -> None:
    with Spool(tmp_path) as spool:
        spool.take(a_frame())
        entry, _ = spool.oldest()
        spool.refuse(entry, {"title": "undecodable", "status": 422})

        assert spool.oldest() is None
    (row,) = listed(tmp_path / "refused")
    assert row["reason"] == {"title": "undecodable", "status": 422}


def test_a_full_spool_lets_the_oldest_go_and_counts_it(tmp_path: Path, a_frame: FrameMaker) -> None:
    frames = [a_frame() for _ in range(5)]
    with Spool(tmp_path, SpoolLimits(max_frames=3)) as spool:
        gone = [entry.frame_id for frame in frames for entry in spool.take(frame)]

        assert gone == [frames[0].frame_id, frames[1].frame_id]
        assert spool.dropped == 2
        assert drained(spool) == frames[2:]


def test_the_bytes_on_disk_never_exceed_the_limit(tmp_path: Path, a_frame: FrameMaker) -> None:
    limit = 5_000
    with Spool(tmp_path, SpoolLimits(max_bytes=limit)) as spool:
        for size in (900, 2000, 100, 4000, 1, 3000, 2500):
            spool.take(a_frame(b"x" * size))
            assert sum(file.stat().st_size for file in tmp_path.glob("*.frame")) <= limit


def test_a_frame_larger_than_the_whole_spool_costs_no_other_frame(tmp_path: Path, a_frame: FrameMaker) -> None:
    kept = a_frame()
    with Spool(tmp_path, SpoolLimits(max_bytes=1000)) as spool:
        spool.take(kept)
        with pytest.raises(FrameTooLarge):
            spool.take(a_frame(b"x" * 1000))

        assert drained(spool) == [kept]


def test_refused_files_do_not_fill_the_disk(tmp_path: Path, a_frame: FrameMaker) -> None:
    with Spool(tmp_path, SpoolLimits(max_set_aside=2)) as spool:
        for _ in range(5):
            spool.take(a_frame())
            spool.refuse(spool.oldest()[0], {})

    assert len(listed(tmp_path / "refused")) == 2
    assert len(list((tmp_path / "refused").iterdir())) == 4


def test_a_second_agent_on_one_spool_is_told_so(tmp_path: Path) -> None:
    with Spool(tmp_path), pytest.raises(SpoolBusy, match="another agent"):
        Spool(tmp_path)
    Spool(tmp_path).close()


def test_the_lock_holds_between_processes(tmp_path: Path) -> None:
    opens = f"import pathlib, edge.spool; edge.spool.Spool(pathlib.Path({str(tmp_path)!r}))"
    with Spool(tmp_path):
        second = subprocess.run([sys.executable, "-c", opens], capture_output=True, text=True)

    assert "SpoolBusy" in second.stderr


def test_a_spool_that_cannot_be_a_folder_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(SpoolUnusable, match="cannot be used"):
        Spool(tmp_path / "file" / "spool")


def test_a_disk_without_room_loses_the_new_frame_only(
    tmp_path: Path, a_frame: FrameMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = a_frame()
    with Spool(tmp_path) as spool:
        spool.take(kept)
        with monkeypatch.context() as full:
            full.setattr(spool_module.os, "fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left")))
            with pytest.raises(SpoolUnusable, match="No space left"):
                spool.take(a_frame())

        assert list(tmp_path.glob(".*.tmp")) == []
        assert drained(spool) == [kept]


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


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(damage=DAMAGE)
def test_no_damage_to_the_files_ever_stops_the_queue_or_yields_wrong_bytes(
    tmp_path_factory: pytest.TempPathFactory, a_frame: FrameMaker, damage: list[tuple[str, int, int, int]]
) -> None:
    folder = tmp_path_factory.mktemp("spool")
    frames = [a_frame(os.urandom(500), f"{n}.jpg") for n in range(3)]
    with Spool(folder) as spool:
        for frame in frames:
            spool.take(frame)
    files = sorted(folder.glob("*.frame"))
    whole = [file.read_bytes() for file in files]
    for kind, which, at, bits in damage:
        files[which].write_bytes(spoil(files[which].read_bytes(), kind, at, bits))
    intact = [frame for frame, file, data in zip(frames, files, whole, strict=True) if file.read_bytes() == data]

    with Spool(folder) as spool:
        assert drained(spool) == intact
        assert spool.damaged == len(frames) - len(intact)


def test_a_file_of_another_format_is_set_aside_although_its_checksum_is_right(
    tmp_path: Path, a_frame: FrameMaker
) -> None:
    header = b'{"format": 99}'
    with Spool(tmp_path) as spool:
        spool.take(a_frame())
        entry, _ = spool.oldest()
        entry.path.write_bytes(header + b"\n" + sha256(header + b"\n").hexdigest().encode() + b"\n")

        assert spool.oldest() is None
        assert spool.damaged == 1
