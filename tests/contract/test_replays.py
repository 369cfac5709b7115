"""Recent frames through a recognizer, by the API."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cluster.deployment.replay import image_path, replayed
from cluster.security.api_keys import Scope
from samples.frames import FRAMES
from tests.conftest import eventually

PATH = "/api/v1/releases/recognizer-green/replay"


def kept(door: Any, folder: Path, count: int = 3) -> list[dict[str, Any]]:
    """So many frames, posted one after the other, and the answers they got."""
    client = door.client(Scope.FRAMES)
    answers = []
    for number, frame in enumerate(FRAMES[:count], 1):
        image = frame.write(folder, number).read_bytes()
        answer = client.post("/api/v1/frames", content=image, headers={"X-Camera-Id": "front-door"})
        assert answer.status_code == 200, answer.text
        answers.append(answer.json())
        assert eventually(lambda number=number: len(door.parts.recent.newest(10)) == number)
        assert eventually(lambda: not door.parts.sampling._busy)  # else the next one is not kept
    return answers


def test_recent_frames_are_answered_again_without_an_event(door: Any, tmp_path: Path) -> None:
    door.enrol_samples()
    answers = kept(door, tmp_path)
    before = door.parts.events.last_seq()
    admin = door.client(Scope.ADMIN)
    first = admin.post(PATH, json={"frames": 2}).json()
    rest = admin.post(PATH, json={"frames": 2, "before": first["before"]}).json()
    said = first["frames"] + rest["frames"]
    assert [frame["verdict"] for frame in said] == [answer["verdict"] for answer in reversed(answers)]
    assert {name for frame in said for name in frame["who"]} <= {p.name for p in door.parts.gallery.people()}
    assert any(frame["who"] and frame["distances"] for frame in said)
    assert rest["before"] is None
    assert door.parts.events.last_seq() == before


def test_a_rollout_asks_both_colours_for_the_same_frames(door: Any, tmp_path: Path) -> None:
    kept(door, tmp_path)
    admin = door.client(Scope.ADMIN)

    def ask(method: str, path: str, **options: Any) -> Any:
        return admin.request(method, path, **options).raise_for_status().json()

    ((*pairs,),) = replayed(ask, "recognizer-blue", "recognizer-green")
    assert [pair.same for pair in pairs] == [True] * 3
    assert admin.get(image_path(pairs[0].event_id)).content.startswith(b"\xff\xd8")


def test_an_admin_sees_a_recent_frame_and_nobody_else(door: Any, tmp_path: Path) -> None:
    (answer,) = kept(door, tmp_path, 1)
    path = f"/api/v1/releases/recent-frames/{answer['id']}/img"
    shown = door.client(Scope.ADMIN).get(path)
    assert (shown.status_code, shown.headers["content-type"]) == (200, "image/jpeg")
    assert shown.content.startswith(b"\xff\xd8")
    assert door.client(Scope.PEOPLE).get(path).status_code == 403
    assert door.client(Scope.PEOPLE).post(PATH, json={}).status_code == 403
    assert door.client(Scope.ADMIN).get(path.replace(answer["id"], "0" * 36)).status_code == 404


def test_erasing_anybody_takes_the_recent_frames_along(door: Any, tmp_path: Path) -> None:
    people = door.client(Scope.PEOPLE)
    people.post("/api/v1/recognition/subjects", json={"subject": "Ada"})
    kept(door, tmp_path, 2)
    assert people.delete("/api/v1/recognition/subjects/Ada").status_code == 200
    assert door.client(Scope.ADMIN).post(PATH, json={}).json() == {"frames": [], "before": None}
    assert list((tmp_path / "recent").iterdir()) == []
