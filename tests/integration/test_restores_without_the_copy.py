"""The keyring's copy is gone or damaged: what is left of it decides how much comes back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from backup.errors import CannotRestore
from backup.keyring import keys_apart, object_name
from backup.restore.partial import restore_person
from backup.restore.undo import undo
from backup.restore.whole import restore
from cluster.security.keyring import make_master_key
from tests.integration.backed_up import House, Vault, begun, house

LOSSES: dict[str, Callable[[Path], object]] = {
    "gone": Path.unlink,
    "empty": lambda path: path.write_bytes(b""),
    "damaged": lambda path: path.write_bytes(b"x" * 200),
}


@pytest.fixture(params=LOSSES)
def without_copy(request: pytest.FixtureRequest, home: House, kept: Vault, tmp_path: Path) -> House:
    home.live_in(tmp_path)
    kept.snapshot(home)
    home.close()
    LOSSES[request.param](tmp_path / "vault" / "apart" / object_name(kept.repository))
    return home


def test_the_present_keyring_is_taken_where_it_is_there(without_copy: House, kept: Vault) -> None:
    before = without_copy.rows()
    without_copy.close()
    (without_copy.folder / "doorbell.db").unlink()

    restore(without_copy.state, kept.repository, kept.apart)

    assert without_copy.rows()["embeddings"] == before["embeddings"]
    without_copy.gallery.crop(without_copy.gallery.faces("Bob")[0])


def test_who_was_erased_meanwhile_does_not_come_back_by_it(without_copy: House, kept: Vault) -> None:
    without_copy.gallery.remove_people([without_copy.gallery.person("Bob")])
    without_copy.close()
    restore(without_copy.state, kept.repository, kept.apart)
    assert {person.name for person in without_copy.gallery.people()} == {"Ada", "Cy"}


def test_elsewhere_all_but_the_faces_comes_back(without_copy: House, kept: Vault, tmp_path: Path) -> None:
    before = without_copy.rows()
    with house(tmp_path / "new") as new:
        with pytest.raises(CannotRestore, match="--without-faces"):
            restore(new.state, kept.repository, kept.apart)
        restore(new.state, kept.repository, kept.apart, without_faces=True)
        after = new.rows()
        assert {name for name in before if before[name] != after[name]} == {
            "people",
            "gallery_faces",
            "embeddings",
            "gallery_changes",
            "recent_frames",
        }
        assert len(after["events"]) == 6
        make_master_key(new.folder / "master.key")  # as the next start does
        new.enrol("Ada")
        kept.snapshot(new)
    assert len(keys_apart(kept.repository, kept.apart).persons) == 1


def test_another_systems_keyring_is_not_taken(without_copy: House, kept: Vault, tmp_path: Path) -> None:
    with house(tmp_path / "another") as other:
        begun(other).enrol("Di")
        other.close()
        with pytest.raises(CannotRestore, match="--without-faces"):
            restore(other.state, kept.repository, kept.apart)
        restore(other.state, kept.repository, kept.apart, without_faces=True)
        kept.snapshot(other)  # nobody counts as erased whose key is only lost
        other.close()
        undo(other.state)
        assert {person.name for person in other.gallery.people()} == {"Di"}
        other.gallery.crop(other.gallery.faces("Di")[0])


def test_nobody_loses_faces_by_a_flag_too_many(home: House, kept: Vault, tmp_path: Path) -> None:
    home.live_in(tmp_path)
    kept.snapshot(home)
    home.close()
    with pytest.raises(CannotRestore, match="leave --without-faces away"):
        restore(home.state, kept.repository, kept.apart, without_faces=True)


def test_one_persons_faces_need_no_copy_while_the_key_is_here(without_copy: House, kept: Vault) -> None:
    without_copy.gallery.remove_faces(without_copy.gallery.faces("Bob"))
    assert restore_person(without_copy.state, kept.repository, kept.apart, "Bob").rows["gallery_faces"] == 1
