from __future__ import annotations

from pathlib import Path
from threading import Event, Thread

import pytest

from edge.drivers.replay import Replay
from edge.errors import CameraFailed, SettingsInvalid


def folder_of(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).write_bytes(name.encode())
    return folder


def test_images_come_sorted_by_name_once_with_their_media_types(tmp_path: Path) -> None:
    folder_of(tmp_path, "b.PNG", "a.jpg", "d.webp", "c.jpeg", ".hidden.jpg", "notes.txt")
    (tmp_path / "folder.jpg").mkdir()
    replay = Replay(tmp_path)

    pictures = [replay.capture(firing.at_s) for firing in replay.firings(Event())]

    assert [(picture.label, picture.media_type) for picture in pictures] == [
        ("a.jpg", "image/jpeg"),
        ("b.PNG", "image/png"),
        ("c.jpeg", "image/jpeg"),
        ("d.webp", "image/webp"),
    ]
    assert [picture.image for picture in pictures] == [picture.label.encode() for picture in pictures]


def test_every_firing_is_a_manual_one_for_the_replays_own_camera(tmp_path: Path) -> None:
    firing = next(Replay(folder_of(tmp_path, "a.jpg"), camera_id="shelf").firings(Event()))

    assert (firing.kind, firing.cameras) == ("manual", ("shelf",))


def test_a_picture_was_taken_at_the_moment_of_its_trigger(tmp_path: Path) -> None:
    replay = Replay(folder_of(tmp_path, "a.jpg"))
    firing = next(replay.firings(Event()))

    assert replay.capture(firing.at_s).captured_s == firing.at_s


def test_captures_in_another_thread_get_every_image_once_however_late_they_are(tmp_path: Path) -> None:
    replay = Replay(folder_of(tmp_path, *(f"{number:03d}.jpg" for number in range(50))))
    fired, labels = [], []

    def trigger() -> None:
        fired.extend(replay.firings(Event()))

    thread = Thread(target=trigger)
    thread.start()
    while len(labels) < 50:
        try:
            labels.append(replay.capture(0.0).label)
        except CameraFailed:
            continue
    thread.join(5)

    assert labels == [f"{number:03d}.jpg" for number in range(50)]
    assert len(fired) == 50


def test_a_stop_ends_a_replay_whose_image_nobody_captures(tmp_path: Path) -> None:
    replay, stop = Replay(folder_of(tmp_path, "a.jpg", "b.jpg")), Event()
    firings = replay.firings(stop)
    next(firings)
    stop.set()

    assert list(firings) == []


def test_a_stop_ends_the_replay_between_two_images(tmp_path: Path) -> None:
    replay, stop, seen = Replay(folder_of(tmp_path, "a.jpg", "b.jpg"), interval_s=60.0), Event(), 0
    for firing in replay.firings(stop):
        replay.capture(firing.at_s)
        seen += 1
        stop.set()

    assert seen == 1


@pytest.mark.parametrize("name", ["empty", "missing"])
def test_a_folder_without_images_is_one_clear_error(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()

    with pytest.raises(SettingsInvalid) as error:
        Replay(tmp_path / name)

    assert name in str(error.value)


def test_an_image_that_vanished_is_a_failed_capture_and_the_next_one_comes(tmp_path: Path) -> None:
    replay = Replay(folder_of(tmp_path, "a.jpg", "b.jpg"))
    firings = replay.firings(Event())
    next(firings)
    (tmp_path / "a.jpg").unlink()

    with pytest.raises(CameraFailed):
        replay.capture(0.0)
    next(firings)
    assert replay.capture(0.0).label == "b.jpg"


def test_a_capture_without_a_trigger_is_a_failed_one(tmp_path: Path) -> None:
    with pytest.raises(CameraFailed, match="own trigger"):
        Replay(folder_of(tmp_path, "a.jpg")).capture(0.0)
