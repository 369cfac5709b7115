"""Golden frames through a recognizer, by its API."""

from __future__ import annotations

import base64
from dataclasses import replace
from pathlib import Path
from typing import Any

from cluster.security.api_keys import Scope
from samples.frames import FRAMES, PEOPLE
from serve_apps.recognition.trial import TrialFailed

PATH = "/api/v1/releases/recognizer-green/trial"


def encoded(content: bytes) -> str:
    return base64.b64encode(content).decode()


def golden(folder: Path) -> dict[str, Any]:
    people = [
        {"name": each.name, "standing": each.standing, "photos": [encoded(path.read_bytes()) for path in each.paths]}
        for each in PEOPLE
    ]
    frames = [encoded(frame.write(folder, number).read_bytes()) for number, frame in enumerate(FRAMES[:4])]
    return {"people": people, "frames": frames}


def test_a_trial_answers_without_an_event_and_without_anybody_enrolled(door: Any, tmp_path: Path) -> None:
    answer = door.client(Scope.ADMIN).post(PATH, json=golden(tmp_path))
    assert answer.status_code == 200, answer.text
    said = answer.json()
    assert [frame["verdict"] for frame in said["frames"]] == [frame.verdict for frame in FRAMES[:4]]
    assert said["unusable"] == []
    assert door.parts.events.last_seq() == 0
    assert door.parts.gallery.people() == []


def test_a_recognizer_that_raises_says_why(door: Any, tmp_path: Path) -> None:
    async def broken(application: str, *_: object) -> None:
        raise TrialFailed.of(application, RuntimeError("many lines\nno memory is left"))

    answer = (
        replace(door, parts=replace(door.parts, trial=broken)).client(Scope.ADMIN).post(PATH, json=golden(tmp_path))
    )
    assert answer.status_code == 503
    assert answer.json()["detail"] == "recognizer-green: no memory is left"


def test_a_trial_is_an_admins_and_takes_images_only(door: Any, tmp_path: Path) -> None:
    assert door.client(Scope.PEOPLE).post(PATH, json=golden(tmp_path)).status_code == 403
    wrong = golden(tmp_path) | {"frames": [encoded(b"no image")]}
    assert door.client(Scope.ADMIN).post(PATH, json=wrong).status_code == 415
    misspelt = golden(tmp_path) | {"frame": []}
    assert door.client(Scope.ADMIN).post(PATH, json=misspelt).status_code == 422
