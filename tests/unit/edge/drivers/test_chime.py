from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from edge.cue import Cue
from edge.drivers.chime import Chime, environment
from edge.errors import FeedbackUnusable
from edge.settings.triggers import ChimeSettings

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks for processes under /proc")
CUE = Cue("known", "front", "button", "f-1", "known", ("Ann", "Ben"))


def _chime(*command: str, longest_s: float = 5.0) -> Chime:
    return Chime(ChimeSettings(driver="chime", command=command, longest_s=longest_s, when=("known",)))


def _written(file: Path) -> str:
    """Wait until the program has written the file."""
    for _ in range(500):
        if file.exists() and (text := file.read_text()).endswith("\n"):
            return text
        time.sleep(0.01)
    raise AssertionError(f"nothing wrote {file}")


def _idle(chime: Chime) -> None:
    for _ in range(500):
        if not chime._busy.is_set() and chime._next.empty():
            return
        time.sleep(0.01)
    raise AssertionError("the chime does not end")


def test_the_program_learns_the_moment_and_no_shell_reads_its_arguments(tmp_path: Path) -> None:
    told = tmp_path / "told"
    names = ("MOMENT", "CAMERA", "VERDICT", "WHO", "FRAME_ID")
    script = f'printf "%s\\n" "$1{"".join(f"|$DOORBELL_{name}" for name in names)}" > "$0"'
    chime = _chime("sh", "-c", script, str(told), "$(touch x); *")

    chime.react(CUE)

    assert _written(told) == "$(touch x); *|known|front|known|Ann, Ben|f-1\n"
    chime.close()


def test_a_program_that_takes_too_long_is_killed_with_all_that_it_started(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    chime = _chime("sh", "-c", 'sleep 60 & echo "$!" > "$0"; wait', str(pids), longest_s=0.3)

    with capture_logs() as logs:
        chime.react(CUE)
        child = int(_written(pids))
        _idle(chime)

    assert [entry["event"] for entry in logs] == ["chime.killed"]
    assert _is_gone(child)
    chime.close()


def test_an_end_of_the_agent_kills_the_program(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    chime = _chime("sh", "-c", 'echo "$$" > "$0"; exec sleep 60', str(pids))
    chime.react(CUE)
    pid = int(_written(pids))

    chime.close()

    assert _is_gone(pid)
    assert not chime._thread.is_alive()


def test_a_cue_that_comes_while_the_program_runs_is_not_made_up_for(tmp_path: Path) -> None:
    rung = tmp_path / "rung"
    chime = _chime("sh", "-c", 'echo "$DOORBELL_FRAME_ID" >> "$0"; sleep 0.2', str(rung))
    chime.react(CUE)
    _written(rung)

    with capture_logs() as logs:
        chime.react(Cue("known", "front", "button", "f-2", "known"))

    assert [entry["event"] for entry in logs] == ["chime.busy"]
    _idle(chime)
    assert rung.read_text() == "f-1\n"
    chime.close()


def test_it_rings_once_for_each_moment_of_a_frame_and_not_for_a_late_answer() -> None:
    chime = _chime("true")
    chime.close()
    chime._next.queue.clear()

    cues = [CUE, CUE, Cue("taken", "front", "button", "f-1"), Cue("known", "front", "button", "f-9", is_fresh=False)]
    put: list[Cue | None] = []
    for cue in cues:
        chime.react(cue)
        put.extend(chime._next.queue)
        chime._next.queue.clear()

    assert put == [CUE, cues[2]]


def test_a_program_that_is_not_there_is_one_clear_error_at_the_start() -> None:
    with pytest.raises(FeedbackUnusable, match=r"'no-such-program' is not there .* ; install it"):
        _chime("no-such-program")


@pytest.mark.parametrize(("content", "told"), [(None, "reason"), ("#!/bin/sh\nexit 3\n", "status")])
def test_a_program_that_fails_later_is_a_line_in_the_log(tmp_path: Path, content: str | None, told: str) -> None:
    program = tmp_path / "ding"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o700)
    chime = _chime(str(program))
    program.unlink() if content is None else program.write_text(content)

    with capture_logs() as logs:
        chime.react(CUE)
        for _ in range(500):
            if logs:
                break
            time.sleep(0.01)

    assert [entry["event"] for entry in logs] == ["chime.failed"]
    assert told in logs[0]
    chime.close()


def test_names_from_outside_cannot_break_the_environment_and_secrets_stay_out_of_it() -> None:
    cue = Cue("known", "front", who=("Ann\0\n\x1b[31m", "B" * 9000))
    told = environment(cue, {"PATH": "/bin", "DOORBELL_EDGE_KEY": "secret"})

    assert told["DOORBELL_WHO"].startswith("Ann[31m, BBB")
    assert len(told["DOORBELL_WHO"]) == 500
    assert "secret" not in told.values()
    assert told["PATH"] == "/bin"


def _is_gone(pid: int) -> bool:
    for _ in range(100):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        except OSError:
            return True
        if state == "Z":
            return True
        time.sleep(0.01)
    return False
