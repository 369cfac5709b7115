from __future__ import annotations

from pathlib import Path
from threading import Event

import pytest

from edge.drivers.replay import Replay
from edge.errors import CameraFailed, SettingsInvalid


def test_images_come_sorted_by_name_once_with_their_media_types(tmp_path: Path) -> None:
    for name in ("b.PNG", "a.jpg", "d.webp", "c.jpeg", ".hidden.jpg", "notes.txt"):
        (tmp_path / name).write_bytes(name.encode())
    (tmp_path / "folder.jpg").mkdir()
    replay = Replay(tmp_path)

    pictures = [replay.capture() for _ in replay.firings(Event())]

    assert [(picture.label, picture.media_type) for picture in pictures] == [
        ("a.jpg", "image/jpeg"),
        ("b.PNG", "image/png"),
        ("c.jpeg", "image/jpeg"),
        ("d.webp", "image/webp"),
    ]
    assert [picture.image for picture in pictures] == [picture.label.encode() for picture in pictures]


def test_every_firing_is_a_manual_one(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"")

    assert list(Replay(tmp_path).firings(Event())) == ["manual"]


def test_a_stop_ends_the_replay_between_two_images(tmp_path: Path) -> None:
    for name in "abc":
        (tmp_path / f"{name}.jpg").write_bytes(b"")
    stop, seen = Event(), []
    for kind in Replay(tmp_path, interval_s=60.0).firings(stop):
        seen.append(kind)
        stop.set()

    assert len(seen) == 1


@pytest.mark.parametrize("name", ["empty", "missing"])
def test_a_folder_without_images_is_one_clear_error(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()

    with pytest.raises(SettingsInvalid) as error:
        Replay(tmp_path / name)

    assert name in str(error.value)


def test_an_image_that_vanished_is_a_failed_capture(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"")
    replay = Replay(tmp_path)
    next(replay.firings(Event()))
    (tmp_path / "a.jpg").unlink()

    with pytest.raises(CameraFailed):
        replay.capture()
