from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from backup.errors import CannotRestore
from backup.restore.partial import restore_config, restore_person
from backup.restore.undo import undo
from tests.integration.backed_up import NOW as TODAY
from tests.integration.backed_up import House, Vault, a_face, begun, house
from tests.integration.conftest import new_database


@pytest.fixture(params=["sqlite", "postgresql"])
def home(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    urls = (None, None)
    if request.param == "postgresql":
        server = request.getfixturevalue("postgres")
        urls = (new_database(server, "template1"), new_database(server, "template1"))
    with house(tmp_path / "data", *urls) as made:
        begun(made).live_in(tmp_path)
        yield made


def test_faces_that_were_removed_by_mistake_are_put_back(home: House, kept: Vault) -> None:
    kept.snapshot(home)
    faces, crops = home.gallery.faces("Bob"), [home.gallery.crop(face) for face in home.gallery.faces("Bob")]
    home.gallery.remove_faces(faces)
    home.gallery.add_face(home.gallery.person("Bob"), a_face(9.0, "9"), TODAY)
    version = home.gallery.version()

    put_back = restore_person(home.state, kept.repository, kept.apart, "Bob")

    assert put_back.rows == {"people": 0, "gallery_faces": 1, "embeddings": 1}
    assert len(put_back.blobs) == 1
    assert home.gallery.faces("Bob")[0] in faces or home.gallery.faces("Bob")[1] in faces
    assert crops[0] in [home.gallery.crop(face) for face in home.gallery.faces("Bob")]
    assert home.gallery.version() == version + 1


def test_putting_back_what_is_there_changes_nothing(home: House, kept: Vault) -> None:
    kept.snapshot(home)
    before = home.rows()

    put_back = restore_person(home.state, kept.repository, kept.apart, "Ada")

    assert set(put_back.rows.values()) == {0}
    assert home.rows() == before


def test_a_person_whose_row_was_lost_is_put_back(home: House, kept: Vault) -> None:
    kept.snapshot(home)
    with home.database.begin() as connection:
        connection.exec_driver_sql("DELETE FROM people WHERE name = 'Bob'")

    restore_person(home.state, kept.repository, kept.apart, "Bob")

    assert home.gallery.crop(home.gallery.faces("Bob")[0]) == a_face(1.0, "1").crop


def test_nobody_of_that_name_is_one_line(home: House, kept: Vault) -> None:
    taken = kept.snapshot(home)

    with pytest.raises(CannotRestore, match=f"snapshot {taken.manifest.id} has nobody called 'Zoe'"):
        restore_person(home.state, kept.repository, kept.apart, "Zoe")


def test_the_config_alone_is_put_back_and_taken_back(home: House, kept: Vault) -> None:
    kept.snapshot(home)
    (home.folder / "notices.yaml").write_bytes(b"broken")
    (home.folder / "releases" / "sface-1" / "weights.onnx").unlink()
    home.post("after the snapshot")
    before = home.rows()

    put_back = restore_config(home.state, kept.repository)

    assert set(put_back.blobs) == {"notices.yaml", "serve-state.json", "sface-1/weights.onnx"}
    assert (home.folder / "notices.yaml").read_bytes() == b"rules: []\n"
    assert (home.folder / "releases" / "sface-1" / "weights.onnx").stat().st_size > 1 << 20
    assert home.rows() == before
    home.close()
    undo(home.state)
    assert (home.folder / "notices.yaml").read_bytes() == b"broken"
