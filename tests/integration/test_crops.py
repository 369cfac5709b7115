from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from serve_apps.gallery.crops import BucketCrops, Crops, CropsUnavailable, FolderCrops, crops_at


@pytest.fixture(params=["folder", "bucket"])
def crops(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Crops]:
    """An empty place for crops; both kinds keep the same promises."""
    if request.param == "folder":
        yield crops_at(str(tmp_path / "crops"))
        return
    with pytest.MonkeyPatch.context() as environment:
        for name, value in request.getfixturevalue("s3").items():
            environment.setenv(name, value)
        yield crops_at(f"s3://crops/{tmp_path.name}")


def has(crops: Crops, person_id: str, face_id: str) -> bool:
    try:
        crops.get(person_id, face_id)
    except CropsUnavailable:
        return False
    return True


@pytest.mark.parametrize("content", [b"", b"sealed", bytes(range(256)) * 4000])
def test_what_was_put_comes_back(crops: Crops, content: bytes) -> None:
    crops.put("resident", "face-1", content)

    assert crops.get("resident", "face-1") == content


def test_a_crop_put_again_replaces_the_older_one(crops: Crops) -> None:
    crops.put("resident", "face-1", b"old")
    crops.put("resident", "face-1", b"new")

    assert crops.get("resident", "face-1") == b"new"


def test_a_crop_that_was_never_put_is_an_error(crops: Crops) -> None:
    with pytest.raises(CropsUnavailable):
        crops.get("resident", "face-1")


def test_one_crop_is_removed_and_the_others_stay(crops: Crops) -> None:
    crops.put("resident", "face-1", b"1")
    crops.put("resident", "face-2", b"2")

    crops.remove("resident", "face-1")

    assert not has(crops, "resident", "face-1")
    assert crops.get("resident", "face-2") == b"2"


def test_a_persons_crops_are_removed_and_nobody_elses(crops: Crops) -> None:
    for number in range(3):
        crops.put("resident", f"face-{number}", b"crop")
    crops.put("resident-2", "face-1", b"of somebody whose id begins alike")

    crops.remove("resident")

    assert not any(has(crops, "resident", f"face-{number}") for number in range(3))
    assert has(crops, "resident-2", "face-1")


def test_removing_what_is_not_there_is_no_error(crops: Crops) -> None:
    crops.remove("nobody")
    crops.remove("nobody", "face-1")


def test_a_removed_person_may_come_back(crops: Crops) -> None:
    crops.put("resident", "face-1", b"before")
    crops.remove("resident")
    crops.put("resident", "face-1", b"after")

    assert crops.get("resident", "face-1") == b"after"


def test_what_is_put_while_others_remove_it_is_put_all_the_same(tmp_path: Path) -> None:
    crops = FolderCrops(tmp_path / "crops")

    def remove() -> None:
        for _ in range(20):  # fewer than a put has tries, however slow the disk is
            time.sleep(0.05)
            crops.remove("ada")

    with ThreadPoolExecutor(1) as other:
        removing = other.submit(remove)
        while not removing.done():
            crops.put("ada", "1", b"sealed")
        removing.result()
    crops.put("ada", "1", b"sealed")

    assert crops.get("ada", "1") == b"sealed"


def test_two_prefixes_of_one_bucket_are_two_places(s3: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in s3.items():
        monkeypatch.setenv(name, value)
    BucketCrops("crops", "north").put("resident", "face-1", b"north")

    assert not has(BucketCrops("crops", "south"), "resident", "face-1")
    assert not has(BucketCrops("crops", ""), "resident", "face-1")


def test_a_bucket_that_does_not_exist_is_one_kind_of_error(s3: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in s3.items():
        monkeypatch.setenv(name, value)
    nowhere = crops_at("s3://no-such-bucket")

    for act in (lambda: nowhere.get("p", "f"), lambda: nowhere.remove("p")):
        with pytest.raises(CropsUnavailable):
            act()


def test_a_folder_that_cannot_be_written_is_the_same_kind_of_error(tmp_path: Path) -> None:
    (tmp_path / "crops").touch()

    with pytest.raises(CropsUnavailable):
        FolderCrops(tmp_path / "crops").put("resident", "face-1", b"crop")


def test_another_kind_of_url_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CropsUnavailable, match="ftp://"):
        crops_at("ftp://host/crops")


def test_a_file_url_is_a_folder(tmp_path: Path) -> None:
    crops_at(f"file://{tmp_path}").put("resident", "face-1", b"crop")

    assert (tmp_path / "resident" / "face-1").read_bytes() == b"crop"
