"""`doorbell bench accuracy` and `doorbell calibrate` as a person runs them, on sample photographs."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from benchmarks import seen
from benchmarks.pairs import Pair, Pairs
from benchmarks.seen import look
from cluster.security.keyring import make_master_key
from samples.frames import PHOTOS
from serve_apps.app import build_gallery
from serve_apps.database import connect, migrate
from serve_apps.faces import Standing
from serve_apps.gallery.person import NewFace
from serve_apps.recognition.decode import decode
from serve_apps.recognition.engine import DLIB_SPACE, YunetDlib
from serve_apps.settings import load
from tests.in_process import in_this_process

FOUR = {"resident": ("resident-1", "resident-2"), "barred": ("barred-1", "barred-2")}


def doorbell(data: Path, *arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "cluster.cli.main", *map(str, arguments)]
    variables = os.environ | {"DOORBELL_DATA": str(data)} | environment
    return subprocess.run(command, env=variables, capture_output=True, text=True, timeout=120)


def fields(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory, weights_folder: Path, engine: YunetDlib) -> Path:
    """A data folder with the graphs and a gallery of two persons with two photographs each."""
    folder = tmp_path_factory.mktemp("data")
    (folder / "weights").symlink_to(weights_folder)
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("DOORBELL_DATA", str(folder))
        enrol(engine, FOUR)
    return folder


def enrol(engine: YunetDlib, people: dict[str, tuple[str, ...]]) -> None:
    settings, now = load(), datetime.now(UTC)
    assert settings.master_key_file is not None
    make_master_key(settings.master_key_file)
    migrate(connect(settings.database_url))
    gallery = build_gallery(settings)
    for name, photos in people.items():
        person = gallery.add_person(name, Standing.KNOWN, now)
        for photo in photos:
            content = (PHOTOS / f"{photo}.jpg").read_bytes()
            face = engine.faces(decode(content))[0]
            digest = hashlib.sha256(content).hexdigest()
            gallery.add_face(person, NewFace(digest, face.quality, face.embedding, DLIB_SPACE, b"crop"), now)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The four photographs, 200 pixels wide: the reference takes seconds for large ones."""
    folder = tmp_path_factory.mktemp("small")
    for name in [name for names in FOUR.values() for name in names]:
        with Image.open(PHOTOS / f"{name}.jpg") as photo:
            photo.thumbnail((200, 300))
            photo.save(folder / f"{name}.jpg", quality=95)
    return folder


def test_both_sides_are_measured_on_a_csv_and_the_curve_is_drawn(data: Path, small: Path, tmp_path: Path) -> None:
    names = [f"{name}.jpg" for name in ("resident-1", "resident-2", "barred-1", "barred-2")]
    rows = [(x, y, int(x[:4] == y[:4])) for i, x in enumerate(names) for y in names[i + 1 :]]
    pairs, plot = tmp_path / "pairs.csv", tmp_path / "roc.png"
    pairs.write_text("file_x,file_y,same\n" + "".join(f"{x},{y},{same}\n" for x, y, same in rows))

    done = doorbell(data, "bench", "accuracy", "--pairs", pairs, "--images", small, "--plot", plot, "--json")
    found = fields(done)

    for side in ("ours", "reference"):
        assert found[side]["auc"] == 1
        assert 0.3 < found[side]["threshold"] < 0.8
        assert found[side]["accuracy"] > 0.5
        assert found[side]["tar_at_far_1e-3"] is None
        assert found[side]["failures_to_detect"] == 0
    assert found["ours"]["threshold"] != found["reference"]["threshold"]
    assert (found["pairs"], found["genuine_pairs"], found["pictures"]) == (6, 2, 4)
    with Image.open(plot) as drawn:
        assert drawn.format == "PNG"


def test_lfws_layout_is_measured_with_its_own_folds(data: Path, small: Path, tmp_path: Path) -> None:
    for person, photos in FOUR.items():
        (tmp_path / person).mkdir()
        for number, photo in enumerate(photos, 1):
            shutil.copy(small / f"{photo}.jpg", tmp_path / person / f"{person}_{number:04d}.jpg")
    (tmp_path / "pairs.txt").write_text(
        "2\t1\nresident\t1\t2\nresident\t1\tbarred\t1\nbarred\t1\t2\nresident\t2\tbarred\t2\n"
    )

    found = fields(in_this_process(data, "bench", "accuracy", "--lfw", str(tmp_path), "--json"))

    assert found["folds"] == "the 2 folds of the list"
    assert found["ours"]["accuracy"] is not None


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--images", "."), "--images needs --pairs"),
        (("--lfw", "nowhere"), "nowhere: this is no folder"),
        (("--lfw", ".", "--images", "."), "leave --images out"),
        (("--pairs", "gone.csv", "--images", "."), "gone.csv: No such file"),
        (("--plot", "roc.jpg"), "a name that ends in .png"),
    ],
)
def test_what_is_wrong_is_one_line_and_status_2(data: Path, options: tuple[str, ...], said: str) -> None:
    done = in_this_process(data, "bench", "accuracy", *options)

    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert said in done.stderr


def test_a_damaged_picture_is_one_line_with_its_place(data: Path, small: Path, tmp_path: Path) -> None:
    for photo in small.glob("barred-*.jpg"):
        shutil.copy(photo, tmp_path)
    (tmp_path / "cut.jpg").write_bytes((small / "resident-1.jpg").read_bytes()[:-500])
    (tmp_path / "pairs.csv").write_text("file_x,file_y,same\nbarred-1.jpg,barred-2.jpg,1\nbarred-1.jpg,cut.jpg,0\n")

    done = in_this_process(data, "bench", "accuracy", "--pairs", str(tmp_path / "pairs.csv"))

    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "pairs.csv, line 3" in done.stderr
    assert "cut.jpg cannot be decoded" in done.stderr


def test_on_several_processes_the_same_is_seen(
    small: Path, weights_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photos = sorted(small.glob("*.jpg"))
    pairs = Pairs("csv", "pairs.csv", tuple(Pair(photos[0], other, False) for other in photos[1:]))
    alone = look(pairs, weights_folder, 384)
    monkeypatch.setattr(seen, "WORTH_PROCESSES", 2)
    heard: list[tuple[int, int]] = []
    shared = look(pairs, weights_folder, 384, lambda done, total: heard.append((done, total)))

    assert heard == [(1, 4), (2, 4), (3, 4), (4, 4)]
    for photo in photos:
        for mine, theirs in (
            (alone[photo].ours, shared[photo].ours),
            (alone[photo].reference, shared[photo].reference),
        ):
            assert mine.embedding is not None
            assert theirs.embedding is not None
            assert abs(mine.embedding - theirs.embedding).max() < 1e-6


def test_a_small_gallery_is_calibrated(data: Path) -> None:
    found = fields(doorbell(data, "calibrate", "--json"))

    assert (found["persons"], found["photographs"], found["pairs_within"], found["pairs_between"]) == (2, 4, 2, 4)
    assert found["farthest_of_one"]["distance"] < found["threshold"] < found["nearest_of_two"]["distance"]
    assert found["nearest_of_two"]["persons"] == ["barred", "resident"]
    assert found["thresholds"] == {"threshold": found["threshold"], "margin": found["margin"]}
    assert (found["false_accept"]["errors"], found["false_reject"]["errors"]) == (0, 0)
    assert found["false_accept"]["interval_95"][1] > 0.5


def test_the_command_that_packs_the_two_is_printed_and_the_present_ones_judged(data: Path) -> None:
    done = in_this_process(data, "calibrate")

    assert done.returncode == 0
    command = r"doorbell release pack NEW-NAME --from yunet-dlib-1 --threshold 0\.\d+ --margin 0\.\d+"
    assert re.fullmatch(command, done.stdout.splitlines()[-1])
    assert "0.58" in done.stdout
    assert "0 of 4" in done.stdout


def test_a_gallery_of_one_or_of_nobody_or_of_another_key_is_one_line_and_status_2(
    data: Path, tmp_path: Path, engine: YunetDlib, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOORBELL_DATA", str(tmp_path))
    enrol(engine, {})
    nobody = in_this_process(tmp_path, "calibrate")
    enrol(engine, {"resident": FOUR["resident"]})
    one = in_this_process(tmp_path, "calibrate")
    keyless = in_this_process(tmp_path / "new", "calibrate")
    other_key = in_this_process(data, "calibrate", DOORBELL_MASTER_KEY_FILE=str(tmp_path / "master.key"))

    assert [done.returncode for done in (nobody, one, keyless, other_key)] == [2, 2, 2, 2]
    assert [len(done.stderr.splitlines()) for done in (nobody, one, keyless, other_key)] == [1, 1, 1, 1]
    assert "the gallery is empty" in nobody.stderr
    assert "the gallery has one person" in one.stderr
    assert "master key" in keyless.stderr
    assert "none of the 4 enrolled faces can be read" in other_key.stderr


def test_somebody_enrolled_twice_is_named_with_status_1(
    tmp_path: Path, engine: YunetDlib, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOORBELL_DATA", str(tmp_path))
    enrol(engine, {"Ada": FOUR["resident"], "Ada again": FOUR["resident"]})

    done = in_this_process(tmp_path, "calibrate")

    assert done.returncode == 1
    assert "Ada and Ada again, 0.000" in done.stdout
    assert "release pack" not in done.stdout
