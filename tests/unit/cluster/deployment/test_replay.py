from __future__ import annotations

from typing import Any

from cluster.deployment import replay


class Application:
    """Keeps frames as the real one does: one comes, and the oldest goes, with each request."""

    def __init__(self, count: int) -> None:
        self.numbers = list(range(1, count + 1))
        self.asked: list[str] = []

    def __call__(self, method: str, path: str, json: dict[str, Any]) -> dict[str, Any]:
        self.asked.append(path)
        before = json.get("before", 10**9)
        chosen = [number for number in reversed(self.numbers) if number < before][: json["frames"]]
        self.numbers = [*self.numbers[1:], self.numbers[-1] + 1]
        verdict = "known" if "blue" in path else "unknown"
        frames = [
            {"number": n, "event_id": f"e{n}", "camera_id": "door", "captured_at": "2026-11-24T08:00:00Z"}
            | {"verdict": verdict, "who": ["B", "A"], "distances": [], "milliseconds": 1.0}
            for n in chosen
        ]
        return {"frames": frames, "before": chosen[-1] if len(chosen) == json["frames"] else None}


def test_both_releases_are_asked_for_the_same_frames_while_others_come() -> None:
    application = Application(40)
    parts = list(replay.replayed(application, "recognizer-blue", "recognizer-green"))
    ids = [pair.event_id for part in parts for pair in part]
    assert [len(part) for part in parts] == [16, 16, 3]  # the oldest one went in between
    assert len(ids) == len(set(ids))
    assert ids[0] == "e40"
    assert all((pair.live.verdict, pair.new.verdict) == ("known", "unknown") for part in parts for pair in part)
    assert parts[0][0].live.who == ("A", "B")


def test_no_more_frames_are_asked_for_than_the_bound() -> None:
    parts = list(replay.replayed(Application(500), "recognizer-blue", "recognizer-green"))
    assert sum(map(len, parts)) == replay.MOST


def test_without_recent_frames_the_new_release_is_not_asked() -> None:
    application = Application(1)
    application.numbers = []
    application.asked.clear()

    def nothing(method: str, path: str, json: dict[str, Any]) -> dict[str, Any]:
        application.asked.append(path)
        return {"frames": [], "before": None}

    assert list(replay.replayed(nothing, "recognizer-blue", "recognizer-green")) == []
    assert application.asked == ["/api/v1/releases/recognizer-blue/replay"]
