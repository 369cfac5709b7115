from __future__ import annotations

from serve_apps.api.sessions import ACTIVE_SECONDS, Sessions


def test_a_key_is_active_for_five_minutes_after_it_asked_last_and_counts_once() -> None:
    now = 0.0
    sessions = Sessions(lambda: now)
    for key in ("one", "one", "two"):
        sessions.asked(key)
    assert sessions.active() == 2

    now = ACTIVE_SECONDS
    sessions.asked("two")
    now += 1
    assert sessions.active() == 1
