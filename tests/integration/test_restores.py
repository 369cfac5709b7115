from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from backup.errors import CannotRestore
from backup.places import BlobPlace, State
from backup.restore import swap
from backup.restore.undo import is_left, undo
from backup.restore.whole import Restored, restore
from backup.targets.place import target_at
from cluster.security.audit import walk
from serve_apps.database import connect
from serve_apps.gallery.crops import Crops, crops_at
from tests.integration.backed_up import House, Vault, begun, house
from tests.integration.conftest import new_database

ENGINES = ("sqlite", "postgresql")


class Street:
    """Houses by name, each on an engine."""

    def __init__(self, folder: Path, request: pytest.FixtureRequest, stack: ExitStack) -> None:
        self._folder = folder
        self._request = request
        self._stack = stack

    def house(self, name: str, engine: str) -> House:
        urls = (None, None)
        if engine == "postgresql":
            server = self._request.getfixturevalue("postgres")
            urls = (new_database(server, "template1"), new_database(server, "template1"))
        return self._stack.enter_context(house(self._folder / name, *urls))


@dataclass(frozen=True)
class InBucket(House):
    """Its crops are in S3."""

    url: str = ""

    @property
    def crops(self) -> Crops:
        return crops_at(self.url)

    @property
    def state(self) -> State:
        others = [place for place in super().state.blobs if place.name != "crops"]
        crops = BlobPlace("crops", target_at(self.url), None, "gallery_faces")
        return replace(super().state, blobs=(crops, *others))


@pytest.fixture
def street(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Street]:
    with ExitStack() as stack:
        yield Street(tmp_path, request, stack)


def put_back(kept: Vault, made: House, **chosen: object) -> Restored:
    made.close()
    return restore(made.state, kept.repository, kept.apart, **chosen)


@pytest.mark.parametrize("source", ENGINES)
@pytest.mark.parametrize("place", ENGINES)
def test_a_lost_house_is_the_same_again_on_either_engine(
    source: str, place: str, street: Street, kept: Vault, tmp_path: Path
) -> None:
    old, new = begun(street.house("old", source)), street.house("new", place)
    ada, *_ = old.live_in(tmp_path)
    kept.snapshot(old)

    put_back(kept, new)

    assert new.rows() == old.rows()
    assert walk(new.database) == walk(old.database)
    for face in new.gallery.faces():
        assert new.gallery.crop(face) == old.gallery.crop(face)
    assert [frame.image for frame in new.recent.newest(9)] == [frame.image for frame in old.recent.newest(9)] != []
    weights = "releases/sface-1/weights.onnx"
    assert (new.folder / weights).read_bytes() == (old.folder / weights).read_bytes()
    assert (new.folder / "notices.yaml").read_bytes() == b"rules: []\n"
    assert new.post("later", ada.id).seq == old.post("later", ada.id).seq


@pytest.mark.parametrize("engine", ENGINES)
def test_numbers_go_on_when_the_newest_rows_were_deleted(
    engine: str, street: Street, kept: Vault, tmp_path: Path
) -> None:
    old, new = begun(street.house("old", engine)), street.house("new", engine)
    old.live_in(tmp_path)
    last = old.post("last").seq
    with old.database.begin() as connection:
        connection.exec_driver_sql("DELETE FROM events")
    kept.snapshot(old)

    put_back(kept, new)

    assert new.post("next").seq == last + 1


@pytest.mark.parametrize("engine", ENGINES)
def test_a_restore_is_taken_back(engine: str, street: Street, kept: Vault, tmp_path: Path) -> None:
    home = begun(street.house("home", engine))
    home.live_in(tmp_path)
    taken = kept.snapshot(home)
    home.enrol("Di", 5.0, "5")
    (home.folder / "notices.yaml").unlink()
    present = home.rows()

    put_back(kept, home)
    assert {person.name for person in home.gallery.people()} == {"Ada", "Bob", "Cy"}
    assert (home.folder / "notices.yaml").exists()
    home.close()
    assert undo(home.state) == taken.manifest.id

    assert home.rows() == present
    assert not (home.folder / "notices.yaml").exists()
    assert len(home.gallery.crop(home.gallery.faces("Di")[0])) > 0
    home.close()
    with pytest.raises(CannotRestore, match="no state from before"):
        undo(home.state)


def test_a_restore_is_not_taken_back_below_somebody_who_has_the_database_open(
    street: Street, kept: Vault, tmp_path: Path
) -> None:
    home = begun(street.house("home", "sqlite"))
    home.live_in(tmp_path)
    taken = kept.snapshot(home)
    put_back(kept, home)

    with house(home.folder) as command:
        command.enrol("Di", 5.0, "5")
        home.close()
        with pytest.raises(CannotRestore, match="open in another process"):
            undo(home.state)
        command.enrol("Ed", 6.0, "6")
    assert {person.name for person in home.gallery.people()} == {"Ada", "Bob", "Cy", "Di", "Ed"}
    home.close()

    assert undo(home.state) == taken.manifest.id


@pytest.mark.parametrize("engine", ENGINES)
def test_after_a_restore_snapshots_go_on(engine: str, street: Street, kept: Vault, tmp_path: Path) -> None:
    home = begun(street.house("home", engine))
    home.live_in(tmp_path)
    kept.snapshot(home)
    put_back(kept, home)

    home.enrol("Di", 5.0, "5")
    next_one = kept.snapshot(home)

    assert next_one.manifest.base is None
    assert next_one.manifest.collections == kept.snapshot(home, whole=True).manifest.collections


def test_a_cluster_that_runs_is_not_restored_into(street: Street, kept: Vault, tmp_path: Path) -> None:
    home = begun(street.house("home", "sqlite"))
    home.live_in(tmp_path)
    kept.snapshot(home)

    with home.doors.owned(home.folder), pytest.raises(CannotRestore, match="in use"):
        put_back(kept, home)


@pytest.mark.parametrize(("engine", "said"), zip(ENGINES, ("open in another process", "1 other conn"), strict=True))
def test_a_database_that_others_use_is_not_restored_into(
    engine: str, said: str, street: Street, kept: Vault, tmp_path: Path
) -> None:
    home = begun(street.house("home", engine))
    home.live_in(tmp_path)
    kept.snapshot(home)
    home.close()

    with (
        connect(home.database.url.render_as_string(hide_password=False)).begin(),
        pytest.raises(CannotRestore, match=said),
    ):
        put_back(kept, home)


def test_a_command_that_writes_until_the_swap_keeps_what_it_wrote(
    street: Street, kept: Vault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = begun(street.house("home", "sqlite"))
    home.live_in(tmp_path)
    kept.snapshot(home)
    with house(home.folder) as command:
        monkeypatch.setattr(swap, "sync_all", lambda: command.enrol("Di", 5.0, "5"))
        with pytest.raises(CannotRestore, match="open in another process"):
            put_back(kept, home)
        command.enrol("Ed", 6.0, "6")

    assert {person.name for person in home.gallery.people()} == {"Ada", "Bob", "Cy", "Di", "Ed"}
    assert not is_left(home.state)


def test_crops_in_a_bucket_are_put_back_and_none_is_deleted(
    street: Street, kept: Vault, s3: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, value in s3.items():
        monkeypatch.setenv(name, value)
    prefix = f"crops-of-{tmp_path.name}"
    home = street.house("home", "sqlite")
    home = begun(InBucket(home.folder, home.database, home.keyring_database, f"s3://crops/{prefix}"))
    home.enrol("Ada")
    kept.snapshot(home)
    face = home.gallery.faces("Ada")[0]
    crop = home.gallery.crop(face)
    home.enrol("Later", 3.0, "3")
    home.crops.remove(face.person_id)

    put_back(kept, home)

    assert home.gallery.crop(home.gallery.faces("Ada")[0]) == crop
    assert len(list(target_at(f"s3://crops/{prefix}").list())) == 2
