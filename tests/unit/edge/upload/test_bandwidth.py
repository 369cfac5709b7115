from __future__ import annotations

import pytest

from edge.upload.bandwidth import LARGEST_PIECE, Bucket, paced


class FakeTime:
    def __init__(self) -> None:
        self.now_s = 0.0

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.now_s += seconds


def sent(content: bytes, bucket: Bucket, time: FakeTime) -> list[tuple[float, int]]:
    pieces = paced(content, bucket, lambda: time.now_s, time.sleep)
    return [(time.now_s, len(piece)) for piece in pieces]


def test_the_pieces_make_up_the_content() -> None:
    time, content = FakeTime(), bytes(range(256)) * 500

    pieces = list(paced(content, Bucket(50_000, 0.0), lambda: time.now_s, time.sleep))

    assert b"".join(pieces) == content
    assert max(len(piece) for piece in pieces) <= LARGEST_PIECE


def test_what_fits_into_one_idle_second_is_not_slowed() -> None:
    time = FakeTime()

    sent(b"x" * 100_000, Bucket(100_000, 0.0), time)

    assert time.now_s == 0.0


@pytest.mark.parametrize("rate", [1000, 50_000, 500_000])
def test_in_no_stretch_of_time_more_is_sent_than_the_rate_and_one_second_saved(rate: int) -> None:
    time, bucket, log = FakeTime(), Bucket(rate, 0.0), []
    for _ in range(5):
        log += sent(b"x" * rate, bucket, time)
        time.now_s += 0.3

    for first in range(len(log)):
        for last in range(first, len(log)):
            stretch_s = log[last][0] - log[first][0]
            assert sum(size for _, size in log[first : last + 1]) <= rate * (stretch_s + 1.0) + 1


def test_a_long_idle_time_saves_up_one_second_and_no_more() -> None:
    time, bucket = FakeTime(), Bucket(1000, 0.0)
    time.now_s = 3600.0

    sent(b"x" * 3000, bucket, time)

    assert time.now_s == pytest.approx(3602.0)


def test_a_clock_that_stands_still_or_goes_back_gives_nothing() -> None:
    bucket = Bucket(1000, 10.0)

    assert bucket.pause_s(1000, 10.0) == 0.0
    assert bucket.pause_s(500, 0.0) == 0.5
