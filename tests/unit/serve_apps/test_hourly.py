from __future__ import annotations

from threading import Event

import pytest

from serve_apps.hourly import hourly


def test_a_work_that_fails_stops_neither_the_others_nor_its_own_next_turn(caplog: pytest.LogCaptureFixture) -> None:
    turns, third, never = list[str](), Event(), Event()

    def fail() -> None:
        turns.append("fails")
        raise OSError("the disk is away")

    def go_on() -> None:
        turns.append("goes on")
        if len(turns) == 6:
            third.set()
            never.wait()

    hourly({"crops": fail, "frames": go_on}, seconds=0.001)

    assert third.wait(30)
    assert turns == ["fails", "goes on"] * 3
    assert "hourly.failed work=crops: OSError" in caplog.text
