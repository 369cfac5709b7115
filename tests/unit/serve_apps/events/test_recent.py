from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import cv2
import numpy as np
import pytest
import sqlalchemy as sa

from cluster.security.keyring import Keyring
from serve_apps.database import connect
from serve_apps.events.event import Event
from serve_apps.events.recent import NAME, RecentFrames, RecentLimits
from serve_apps.faces import Box, Identity, Standing
from serve_apps.gallery.crops import CropsUnavailable, FolderCrops
from serve_apps.tables import metadata, recent_frames
from tests.unit.serve_apps.conftest import EventMaker

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
JPEG = cv2.imencode(".jpg", np.full((48, 64, 3), 90, np.uint8))[1].tobytes()


@dataclass
class House:
    """`gateway` is another process's view of the same stores."""

    engine: sa.Engine
    keyring: Keyring
    folder: Path
    now: datetime = START

    def gateway(self, limits: RecentLimits = RecentLimits(), blobs: FolderCrops | None = None) -> RecentFrames:
        return RecentFrames(self.engine, self.keyring, blobs or FolderCrops(self.folder), limits, lambda: self.now)

    def folders(self) -> set[str]:
        return {path.name for path in self.folder.iterdir()} if self.folder.exists() else set()

    def keys(self) -> int:
        with self.keyring.database.connect() as connection:
            return int(connection.scalar(sa.text("SELECT count(*) FROM file_keys")) or 0)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    engine, keys = connect(f"sqlite:///{tmp_path}/doorbell.db"), connect(f"sqlite:///{tmp_path}/keyring.db")
    metadata.create_all(engine)
    yield House(engine, Keyring(keys, bytes(32)), tmp_path / "recent")
    engine.dispose()
    keys.dispose()


def numbered(an_event: EventMaker, number: int) -> Event:
    return replace(an_event(), id=f"event-{number}")


def ids(recent: RecentFrames, count: int = 10, before: int | None = None) -> list[str]:
    return [frame.event_id for frame in recent.newest(count, before)]


def test_a_kept_frame_comes_back_and_is_sealed_on_disk(house: House, an_event: EventMaker) -> None:
    house.gateway().keep(JPEG, an_event())
    again = house.gateway().frame("event-1")
    assert again is not None
    assert (again.image, again.camera_id, again.captured_at) == (JPEG, "front-door", START)
    sealed = (house.folder / "event-1" / NAME).read_bytes()
    assert JPEG[:200] not in sealed
    assert b"JFIF" not in sealed


def test_several_gateways_together_keep_the_newest_only(house: House, an_event: EventMaker) -> None:
    gateways = [house.gateway(RecentLimits(most=3)) for _ in range(2)]
    for number in range(8):
        gateways[number % 2].keep(JPEG, numbered(an_event, number))
    assert ids(gateways[0]) == ["event-7", "event-6", "event-5"]
    assert house.folders() == {"event-7", "event-6", "event-5"}
    assert house.keys() == 3


def test_gateways_that_keep_and_prune_at_the_same_time_do_not_trip_over_each_other(
    house: House, an_event: EventMaker
) -> None:
    gateways = [house.gateway(RecentLimits(most=3)) for _ in range(2)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: gateways[number % 2].keep(JPEG, numbered(an_event, number)), range(24)))
    gateways[0].prune()
    assert len(ids(gateways[0])) == len(house.folders()) == house.keys() == 3


def test_frames_come_page_by_page(house: House, an_event: EventMaker) -> None:
    recent = house.gateway()
    for number in range(5):
        recent.keep(JPEG, numbered(an_event, number))
    first = recent.newest(2)
    assert [frame.event_id for frame in first] == ["event-4", "event-3"]
    assert ids(recent, 2, first[-1].seq) == ["event-2", "event-1"]


def test_what_is_too_old_is_neither_shown_nor_left_on_disk(house: House, an_event: EventMaker) -> None:
    recent = house.gateway()
    recent.keep(JPEG, an_event())
    house.now += timedelta(days=2, seconds=1)
    assert ids(recent) == []
    assert recent.frame("event-1") is None
    recent.prune()
    assert house.folders() == set()
    assert house.keys() == 0


@pytest.mark.parametrize("broken", [b"", b"short", bytes(500)])
def test_a_broken_frame_is_passed_over_and_removed(house: House, an_event: EventMaker, broken: bytes) -> None:
    recent = house.gateway()
    for number in range(3):
        recent.keep(JPEG, numbered(an_event, number))
    (house.folder / "event-1" / NAME).write_bytes(broken)
    house.now += timedelta(minutes=2)
    assert ids(recent, 2) == ["event-2", "event-0"]
    assert house.folders() == {"event-2", "event-0"}


def test_a_frame_that_was_half_written_goes_when_nobody_can_be_writing_it(house: House, an_event: EventMaker) -> None:
    class Killed(FolderCrops):
        def put(self, person_id: str, face_id: str, sealed: bytes) -> None:
            (house.folder / person_id).mkdir(parents=True)
            (house.folder / person_id / f"{face_id}-x1").write_bytes(sealed[:10])
            raise CropsUnavailable("killed")

    with pytest.raises(CropsUnavailable):
        house.gateway(blobs=Killed(house.folder)).keep(JPEG, an_event())
    recent = house.gateway()
    assert ids(recent) == []
    assert house.folders() == {"event-1"}
    house.now += timedelta(minutes=2)
    assert ids(recent) == []
    assert house.folders() == set()


def test_an_erased_person_ends_every_frame_in_old_copies_too(house: House, an_event: EventMaker) -> None:
    house.keyring.create("ada")
    house.gateway().keep(JPEG, an_event())
    copy = (house.folder / "event-1" / NAME).read_bytes()
    house.keyring.destroy(["ada"])
    house.gateway().clear()
    assert house.folders() == set()
    with house.engine.connect() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(recent_frames)) == 0
    FolderCrops(house.folder).put("event-1", NAME, copy)
    assert house.gateway().frame("event-1") is None


def test_a_frame_of_somebody_who_is_erased_meanwhile_is_not_kept(house: House, an_event: EventMaker) -> None:
    face = Identity(Box(0, 0, 9, 9), 1.0, 1.0, Standing.KNOWN, "ada", 0.3, 0.3)
    house.gateway().keep(JPEG, replace(an_event(), faces=(face,)))
    assert house.folders() == set()
    assert house.keys() == 0


def test_what_is_no_jpeg_is_not_kept(house: House, an_event: EventMaker) -> None:
    house.gateway().keep(cv2.imencode(".png", np.zeros((8, 8, 3), np.uint8))[1].tobytes(), an_event())
    assert ids(house.gateway()) == []
