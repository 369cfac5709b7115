from __future__ import annotations

from collections.abc import Iterator

import pytest

from backup.errors import TargetFull, TargetRefused, TargetUnavailable
from backup.targets.memory import MemoryTarget
from backup.targets.retrying import Patience, RetryingTarget
from backup.targets.target import Stored


class Failing(MemoryTarget):
    """Fails at first, so often; a listing breaks off behind its first object."""

    def __init__(self, times: int, error: Exception) -> None:
        super().__init__()
        self.left = times
        self.error = error

    def fail(self) -> None:
        if self.left:
            self.left -= 1
            raise self.error

    def put(self, name: str, data: bytes) -> None:
        self.fail()
        super().put(name, data)

    def list(self, prefix: str = "") -> Iterator[Stored]:
        for stored in super().list(prefix):
            yield stored
            self.fail()


def retrying(target: MemoryTarget, attempts: int = 3) -> tuple[RetryingTarget, list[float]]:
    waits: list[float] = []
    return RetryingTarget(target, Patience(attempts, 1.0, 8.0), waits.append), waits


def test_it_is_tried_again_with_longer_and_longer_waits() -> None:
    target = Failing(4, TargetUnavailable("no answer"))
    trying, waits = retrying(target, attempts=5)

    trying.put("a", b"data")

    assert trying.get("a") == b"data"
    assert len(waits) == 4
    assert all(wait <= most for wait, most in zip(waits, (1, 2, 4, 8), strict=True))


def test_patience_ends() -> None:
    trying, waits = retrying(Failing(3, TargetUnavailable("no answer")))

    with pytest.raises(TargetUnavailable, match="no answer"):
        trying.put("a", b"data")
    assert len(waits) == 2


@pytest.mark.parametrize("error", [TargetFull("full"), TargetRefused("no")])
def test_what_does_not_pass_is_not_tried_again(error: Exception) -> None:
    trying, waits = retrying(Failing(1, error))

    with pytest.raises(type(error)):
        trying.put("a", b"data")
    assert waits == []


def test_a_listing_that_breaks_off_goes_on_where_it_was() -> None:
    target = Failing(0, TargetUnavailable("no answer"))
    for name in "abcde":
        target.put(name, b"")
    target.left = 4
    trying, _ = retrying(target, attempts=5)

    assert [stored.name for stored in trying.list()] == list("abcde")


def test_a_wait_is_a_part_of_the_longest() -> None:
    assert [Patience(9, 0.5, 3.0).wait(tries, 1.0) for tries in (1, 2, 3, 4)] == [0.5, 1.0, 2.0, 3.0]
    assert Patience().wait(1, 0.0) == 0
