"""What a restore refuses, with the present state as it was."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from backup.errors import AnotherRepository, BackupError, Busy, CannotRestore, Damaged, NewerSchema, NoSuchObject
from backup.restore.databases import Beside, beside
from backup.restore.whole import restore
from backup.targets.target import Target
from serve_apps.database import migrate
from tests.integration.backed_up import House, Vault, begun, house, vault


@pytest.fixture(autouse=True)
def cheap_passphrases(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backup.passphrase.COST", 2**4)


def refused(home: House, tmp_path: Path) -> bool:
    """Whether a restore says no, with the repository opened anew."""
    home.close()
    try:
        opened = vault(tmp_path / "vault")
        restore(home.state, opened.repository, opened.apart)
    except BackupError:
        return True
    return False


def objects(kept: Vault) -> list[tuple[Target, str]]:
    """What a restore needs."""
    names = [each.name for each in kept.repository.target.list() if not each.name.startswith("holds/")]
    return [(kept.repository.target, name) for name in names] + [(kept.apart, each.name) for each in kept.apart.list()]


def needing(target: Target, home: House, kept: Vault, tmp_path: Path) -> House:
    """A house that cannot do without this target: one that has its keyring needs no copy of it."""
    if target is kept.repository.target:
        return home
    with house(tmp_path / "empty") as empty:
        return empty


def test_one_bit_in_any_object_is_found_and_nothing_is_restored(home: House, kept: Vault, tmp_path: Path) -> None:
    home.enrol("Ada")
    home.post("frame", home.gallery.person("Ada").id)
    kept.snapshot(home)
    present = home.rows()
    tried = objects(kept)

    for target, name in tried:
        sound = target.get(name)
        for place in {0, len(sound) // 2, len(sound) - 1}:
            flipped = bytearray(sound)
            flipped[place] ^= 1
            target.put(name, bytes(flipped))
            assert refused(needing(target, home, kept, tmp_path), tmp_path), f"{name}, byte {place} of {len(sound)}"
        target.put(name, sound)

    assert len(tried) > 20
    assert home.rows() == present
    assert not refused(home, tmp_path)


def test_cut_and_exchanged_objects_are_found(home: House, kept: Vault, tmp_path: Path) -> None:
    home.enrol("Ada")
    kept.snapshot(home)
    tried = objects(kept)

    for number, (target, name) in enumerate(tried):
        sound = target.get(name)
        other, neighbour = tried[number - 1]
        for bad in (sound[:-1], sound[: len(sound) // 2], b"", other.get(neighbour)):
            target.put(name, bad)
            assert refused(needing(target, home, kept, tmp_path), tmp_path), name
        target.put(name, sound)


def test_an_object_that_is_gone_is_named(home: House, kept: Vault) -> None:
    home.enrol("Ada")
    kept.snapshot(home)
    chunk, stored = next(iter(kept.repository.chunks()))
    kept.repository.target.delete(stored.name)
    home.close()

    with pytest.raises((NoSuchObject, Damaged), match=chunk):
        restore(home.state, kept.repository, kept.apart)


def test_a_snapshot_after_damage_does_not_depend_on_what_is_damaged(home: House, kept: Vault, tmp_path: Path) -> None:
    home.live_in(tmp_path)
    taken = kept.snapshot(home)
    people = taken.manifest.collection("people")
    assert people is not None
    target = kept.repository.target
    target.delete(f"chunks/{people.pages[0][:2]}/{people.pages[0]}")
    home.enrol("Di", 5.0, "5")
    before = home.rows()

    vault(tmp_path / "vault").snapshot(home)

    assert not refused(home, tmp_path)
    assert home.rows() == before


def test_a_snapshot_of_a_newer_schema_is_refused(home: House, kept: Vault) -> None:
    home.enrol("Ada")
    with home.database.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    kept.snapshot(home)
    home.close()

    with pytest.raises(NewerSchema, match="newer version than this program"):
        restore(home.state, kept.repository, kept.apart)


@pytest.mark.parametrize("revision", ["0006", "0008"])
def test_a_snapshot_of_an_older_schema_is_brought_to_the_present(revision: str, kept: Vault, tmp_path: Path) -> None:
    with house(tmp_path / "old") as old, house(tmp_path / "new") as new:
        migrate(old.database, revision)
        (old.folder / "master.key").write_bytes(bytes(32))
        (old.folder / "master.key").chmod(0o600)
        old.enrol("Ada")
        kept.snapshot(old)

        restore(new.state, kept.repository, kept.apart)

        assert [person.name for person in new.gallery.people()] == ["Ada"]
        assert kept.snapshot(new).manifest.source.revision > revision


def test_a_full_disk_is_one_line(home: House, kept: Vault, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    home.enrol("Ada")
    kept.snapshot(home)
    usage = type("Usage", (), {"free": 1000})
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage)

    home.close()
    with pytest.raises(CannotRestore, match=r"0 MB free, about \d+ are needed"):
        restore(home.state, kept.repository, kept.apart)


def fill(database: Beside) -> None:
    """More than it may take."""
    with database.opened() as engine, engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 3")
        connection.exec_driver_sql("CREATE TABLE one AS SELECT zeroblob(100000)")


def test_a_disk_that_is_full_under_the_keyring_is_told_as_that(home: House) -> None:
    keyring = beside(home.state)[1]
    keyring.begin()
    with pytest.raises(CannotRestore, match=r"keyring\.db: .* full$"):
        fill(keyring)


def test_two_snapshots_at_once_are_one(home: House, kept: Vault) -> None:
    home.enrol("Ada")

    with home.doors.alone(home.database, "snapshot"), pytest.raises(Busy, match="another snapshot"):
        kept.snapshot(home)


def test_a_new_system_does_not_write_over_an_old_ones_keyring(kept: Vault, tmp_path: Path) -> None:
    with house(tmp_path / "old") as old, house(tmp_path / "new") as new:
        begun(old).enrol("Ada")
        kept.snapshot(old)
        begun(new).enrol("Bob")

        with pytest.raises(AnotherRepository, match="another system's"):
            kept.snapshot(new)


def test_a_face_without_its_crop_stops_a_snapshot(home: House, kept: Vault) -> None:
    home.enrol("Ada")
    face = home.gallery.faces()[0]
    home.crops.remove(face.person_id)

    with pytest.raises(Damaged, match=f"lacks the crops of 1 faces, the first is {face.id}"):
        kept.snapshot(home)
    assert kept.repository.ids() == []


def test_an_unsound_state_does_not_take_the_place_of_the_present_one(home: House, kept: Vault) -> None:
    home.enrol("Ada")
    with closing(sqlite3.connect(home.folder / "doorbell.db", isolation_level=None)) as raw:
        raw.execute("DROP TRIGGER audit_no_update")
        raw.execute("UPDATE audit SET actor = 'somebody else' WHERE seq = 1")
    kept.snapshot(home)
    present = home.rows()
    home.close()

    with pytest.raises(Damaged, match="row 1 was changed"):
        restore(home.state, kept.repository, kept.apart)
    assert home.rows() == present


def test_a_failed_check_leaves_no_half_state(home: House, kept: Vault) -> None:
    def refuse(_: object) -> None:
        raise Damaged("not sound")

    home.enrol("Ada")
    kept.snapshot(home)
    home.close()
    state = replace(home.state, doors=replace(home.doors, check=refuse))

    with pytest.raises(Damaged, match="not sound"):
        restore(state, kept.repository, kept.apart)
    assert not (home.folder / ".restore").exists()
