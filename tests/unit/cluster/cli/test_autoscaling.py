from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest

from cluster.cli.autoscaling import NothingDecided, decisions, explain, load
from serve_apps.database import connect, migrate
from serve_apps.load.counts import Sixty
from serve_apps.load.store import LoadStore

DECIDED = {
    "application": "recognizer-blue",
    "deployment": "Recognizer",
    "replicas": 2,
    "target": 3,
    "why": "3 replicas: the queue asks 3 (4.5 requests, 1.5 each)",
    "asks": {"queue": 3, "forecast": None, "later": None, "bounds": [2, 8], "held": "", "horizon_s": 15},
    "errors": 0,
    "error": "",
}


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DOORBELL_DATA", str(tmp_path))
    return tmp_path


def decided(data: Path, **changes: Any) -> None:
    (data / "autoscaling").mkdir(exist_ok=True)
    (data / "autoscaling" / "recognizer-blue.json").write_text(json.dumps(DECIDED | {"at": time.time()} | changes))


def test_a_decision_is_explained_with_its_numbers(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    decided(data)
    explain()

    said = capsys.readouterr().out
    assert re.search(r"recognizer-blue, \d+\.\d s ago: 3 replicas: the queue asks 3", said)
    assert "no forecast was made yet" in said


def test_errors_and_a_controller_that_is_gone_are_told(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    decided(data, at=time.time() - 300, errors=7, error="RuntimeError: no")
    explain()

    said = capsys.readouterr().out
    assert "7 errors, the last: RuntimeError: no" in said
    assert "does the controller run?" in said


def test_without_a_decision_one_line_says_where_to_look(data: Path) -> None:
    with pytest.raises(NothingDecided, match="is the cluster up"):
        decisions(data / "autoscaling")


def test_what_was_decided_for_an_application_that_is_gone_is_not_told(data: Path) -> None:
    decided(data)
    gone = DECIDED | {"application": "recognizer-green", "at": time.time() - 3600}
    (data / "autoscaling" / "recognizer-green.json").write_text(json.dumps(gone))

    assert [each["application"] for each in decisions(data / "autoscaling")] == ["recognizer-blue"]


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"at": "now"}'])
def test_a_file_that_is_no_decision_is_one_line(data: Path, text: str) -> None:
    decided(data)
    (data / "autoscaling" / "recognizer-blue.json").write_text(text)

    with pytest.raises(NothingDecided, match="is no decision of the policy's; remove it"):
        decisions(data / "autoscaling")


def test_the_json_has_the_decision_with_its_age(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    decided(data, at=time.time() - 5)
    explain(as_json=True)

    said = json.loads(capsys.readouterr().out)
    assert 5 <= said["decisions"][0]["age_s"] < 60
    assert (said["forecast"], said["routing"]) == (None, None)


def test_the_load_of_the_last_minutes_is_shown_by_group(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    engine = connect(f"sqlite:///{data}/doorbell.db")
    migrate(engine)
    start = int(time.time()) // 60 * 60
    rows = [Sixty(start - 60, 1, group, "s", [each] * 60, [1] * 60) for group, each in (("all", 0), ("front-*", 2))]
    LoadStore(engine).write([*rows, Sixty(start - 180, 1, "all", "s")])
    engine.dispose()

    load(as_json=True)

    said = json.loads(capsys.readouterr().out)
    assert [(group["name"], group["frames"], group["most_per_s"]) for group in said["groups"]] == [
        ("all", 60, 1),
        ("front-*", 180, 3),
    ]
    assert (said["since"], said["missing"]) == (start - 180, 1)
    load()
    assert "1 minutes of it not" in capsys.readouterr().out
