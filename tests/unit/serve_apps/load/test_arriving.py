from __future__ import annotations

from serve_apps.load.arriving import Arriving


def test_frames_of_the_last_second_are_counted() -> None:
    now = [10.0]
    arriving = Arriving(lambda: now[0])
    assert arriving.per_s() == 0.0
    for at in (10.0, 10.4, 10.9):
        now[0] = at
        arriving.one()
    assert arriving.per_s() == 3.0
    now[0] = 11.2
    assert arriving.per_s() == 2.0
    now[0] = 60.0
    assert arriving.per_s() == 0.0
