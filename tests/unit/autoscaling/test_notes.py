from __future__ import annotations

import json
import threading
from pathlib import Path

from autoscaling.notes import Notes
from tests.conftest import eventually


def read(file: Path) -> object:
    return json.loads(file.read_text())["number"] if file.exists() else None


def test_the_newest_note_is_in_the_file_in_the_end(tmp_path: Path) -> None:
    file = tmp_path / "autoscaling" / "recognizer-blue.json"
    notes = Notes(file, pause=0.01)
    for number in range(50):
        notes.put(lambda number=number: {"number": number})

    assert eventually(lambda: read(file) == 49)
    assert list(file.parent.iterdir()) == [file]


def test_a_note_that_cannot_be_written_ends_nothing(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    notes = Notes(tmp_path / "taken" / "a.json", pause=0.01)
    notes.put(lambda: {"number": 1})
    file = tmp_path / "free.json"
    other = Notes(file, pause=0.01)
    other.put(lambda: {"number": 1 / 0})
    other.put(lambda: {"number": object()})
    other.put(lambda: {"number": 3})

    assert eventually(lambda: read(file) == 3)


def test_the_thread_of_a_policy_that_is_gone_ends_and_starts_again_when_needed(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    notes, others = Notes(file, pause=0.0, idle=0.05), set(threading.enumerate())

    def running() -> bool:
        return any(thread.name == "autoscaling-notes" for thread in set(threading.enumerate()) - others)

    notes.put(lambda: {"number": 1})
    assert eventually(lambda: read(file) == 1 and not running())
    notes.put(lambda: {"number": 2})
    assert eventually(lambda: read(file) == 2)
