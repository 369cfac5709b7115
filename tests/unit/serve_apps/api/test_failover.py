from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cluster.monitoring.journey import begun
from serve_apps.api import routing
from serve_apps.api.failover import Failover
from serve_apps.api.problems import RecognizerUnavailable
from serve_apps.api.routing import Routing
from serve_apps.events.failures import FailedTry
from serve_apps.faces import Frame, Recognition, Trigger, UndecodableImage

BLUE, GREEN = "recognizer-blue", "recognizer-green"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LEASE = NOW + timedelta(minutes=1)
FRAME = Frame("frame-1", "front-door", NOW, NOW, Trigger.BUTTON, b"image", trace_id="a" * 32)


class Applications:
    """Recognizer applications in the place of Serve's handles; `broken` says what one does in place of an answer."""

    def __init__(self, *names: str) -> None:
        self.names = names
        self.broken: dict[str, Callable[[], Any]] = {}
        self.asked: list[str] = []
        self.arguments: list[tuple[object, ...]] = []
        self.forgotten: list[str] = []
        self.noted: list[FailedTry] = []
        self.now = NOW
        self.failover = Failover(self.handle, lambda name, *_: self.forgotten.append(name), lambda: self.now)
        self.failover.note = self.noted.append

    def handle(self, name: str, method: str) -> Callable[..., Any]:
        self.asked.append(name)
        if name not in self.names:
            raise LookupError(f"Application '{name}' does not exist.")

        async def call(*arguments: object) -> Any:
            self.arguments.append(arguments)
            if name in self.broken:
                await asyncio.sleep(0)
                return await self.broken[name]()
            return {"recognize": Recognition((), f"release of {name}"), "examine": name}.get(method, True)

        return call

    def recognize(self) -> Recognition:
        return asyncio.run(self.failover.recognize(FRAME, 7))


def raises(error: Exception) -> Callable[[], Any]:
    async def call() -> None:
        raise error

    return call


async def hangs() -> None:
    await asyncio.Event().wait()


def test_a_frame_is_answered_at_the_first_try_and_timed() -> None:
    applications = Applications(BLUE)

    found = applications.recognize()

    assert found.release == "release of recognizer-blue"
    assert found.recognize_ms is not None
    assert found.recognize_ms > 0
    assert (applications.asked, applications.noted) == ([BLUE], [])


@pytest.mark.parametrize("broken", [raises(RuntimeError("Traceback:\n  RuntimeError: bad graph\n")), hangs])
def test_a_canary_that_raises_or_hangs_costs_no_request(
    monkeypatch: pytest.MonkeyPatch, broken: Callable[[], Any]
) -> None:
    monkeypatch.setattr(routing, "LEASED_SECONDS", 0.01)
    applications = Applications(BLUE, GREEN)
    applications.failover.route(Routing(weights={GREEN: 1}, fallback={BLUE: 1}, until=LEASE))
    applications.broken[GREEN] = broken

    assert applications.recognize().release == "release of recognizer-blue"
    assert (applications.asked, applications.forgotten) == ([GREEN, BLUE], [GREEN])


def test_an_application_that_is_gone_costs_no_request() -> None:
    applications = Applications(BLUE)
    applications.failover.route(Routing(weights={GREEN: 1}, fallback={BLUE: 1}))

    assert applications.recognize().release == "release of recognizer-blue"
    (noted,) = applications.noted
    assert noted == FailedTry(
        NOW, GREEN, "front-door", "a" * 32, "LookupError: Application 'recognizer-green' does not exist."
    )


def test_a_replica_that_dies_is_asked_for_again_where_there_is_no_other_colour() -> None:
    applications = Applications(BLUE)
    left = [True, True]

    async def dies_twice() -> Recognition:
        if left:
            left.pop()
            raise ConnectionError
        return Recognition((), "blue after all")

    applications.broken[BLUE] = dies_twice

    assert applications.recognize().release == "blue after all"
    assert [noted.error for noted in applications.noted] == ["ConnectionError", "ConnectionError"]


def test_three_failed_tries_are_the_end() -> None:
    applications = Applications()

    with pytest.raises(RecognizerUnavailable, match=BLUE):
        applications.recognize()
    assert applications.asked == [BLUE] * 3


def test_a_damaged_image_is_nobodys_failure() -> None:
    applications = Applications(BLUE, GREEN)
    applications.failover.route(Routing(weights={BLUE: 1, GREEN: 1}))
    applications.broken |= {BLUE: raises(UndecodableImage("cut")), GREEN: raises(UndecodableImage("cut"))}

    with pytest.raises(UndecodableImage):
        applications.recognize()
    assert (len(applications.asked), applications.noted) == (1, [])


def test_a_controller_that_lost_its_lock_cannot_switch(caplog: pytest.LogCaptureFixture) -> None:
    applications = Applications(BLUE, GREEN)
    applications.failover.route(Routing(weights={GREEN: 1}, epoch=4))
    applications.failover.route(Routing(weights={BLUE: 1}, epoch=3))

    assert applications.recognize().release == "release of recognizer-green"
    assert "epoch=3" in caplog.text


def test_an_operators_hand_is_always_taken_and_gives_no_old_controller_its_place() -> None:
    applications = Applications(BLUE, GREEN)
    applications.failover.route(Routing(weights={GREEN: 1}, epoch=4))
    applications.failover.route(Routing(weights={BLUE: 1}))
    applications.failover.route(Routing(weights={GREEN: 1}, epoch=3))

    assert applications.recognize().release == "release of recognizer-blue"


def test_from_the_end_of_its_lease_a_canary_gets_no_frame() -> None:
    applications = Applications(BLUE, GREEN)
    applications.failover.route(Routing(weights={GREEN: 1}, fallback={BLUE: 1}, until=LEASE))

    before, applications.now = applications.recognize().release, LEASE

    assert (before, applications.recognize().release) == ("release of recognizer-green", "release of recognizer-blue")


def test_photographs_go_to_the_heaviest() -> None:
    applications = Applications(BLUE, GREEN)
    applications.failover.route(Routing(weights={BLUE: 40, GREEN: 60}))

    assert asyncio.run(applications.failover.examine(b"photo", 7, 1)) == GREEN


def test_what_keeps_a_gateway_from_being_ready_is_named() -> None:
    applications = Applications(BLUE)
    applications.failover.route(Routing(weights={BLUE: 90, GREEN: 10}, fallback={BLUE: 1}, until=LEASE))

    assert asyncio.run(applications.failover.missing()) is None
    applications.broken[BLUE] = raises(ConnectionError())
    assert asyncio.run(applications.failover.missing()) == "the recognizer recognizer-blue does not answer"


def test_the_routing_that_holds_is_told_now_and_with_each_new_one_but_never_one_that_was_not_taken() -> None:
    failover, told = Applications(BLUE).failover, []
    failover.route(Routing(weights={BLUE: 1}, epoch=2))
    failover.tell_routing(lambda routing: told.append(dict(routing.weights)))
    failover.route(Routing(weights={GREEN: 1}, epoch=1))
    failover.route(Routing(weights={BLUE: 3}, epoch=3))

    assert told == [{BLUE: 1}, {BLUE: 3}]


def test_a_recognizers_log_can_say_which_frame_it_is_about() -> None:
    applications = Applications(BLUE)
    with begun() as journey:
        journey.frame_id, journey.camera_id = FRAME.frame_id, FRAME.camera_id
        applications.recognize()

    assert applications.arguments == [(b"image", 7, journey.names())]
