from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from threading import Event as Flag
from threading import Thread
from typing import Never

import httpx
import pytest

from edge.agent import Agent
from edge.camera import Frame, Picture
from edge.drivers.replay import Replay
from edge.errors import TriggerUnusable
from edge.listener import Event, Listener
from edge.spool.queue import Spool
from edge.trigger import Firing
from edge.upload.addresses import Addresses
from edge.upload.connection import Connection
from edge.upload.gateway import Gateway
from edge.upload.uploader import Uploader


class Heard(Listener):
    def __init__(self) -> None:
        self.frames: list[str] = []

    def answered(self, frame: Frame, event: Event, milliseconds: float) -> None:
        self.frames.append(frame.label)


def event_for(request: httpx.Request) -> httpx.Response:
    return httpx.Response(200, json={"id": "e", "frame_id": request.headers.get("Idempotency-Key")})


@pytest.fixture
def replay(tmp_path: Path) -> Replay:
    for name in "abc":
        (tmp_path / f"{name}.jpg").write_bytes(name.encode())
    return Replay(tmp_path)


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    with Spool(tmp_path / "spool") as spool:
        yield spool


def agent_before(
    answer: Callable[[httpx.Request], httpx.Response],
    replay: Replay,
    spool: Spool,
    heard: Listener,
    *,
    one_by_one: bool = False,
) -> Agent:
    connection = Connection(Addresses(("http://127.0.0.1:1",)), transport=httpx.MockTransport(answer))
    uploader = Uploader(Gateway(connection, lambda: "key"), spool, heard)
    return Agent({"door": replay}, replay, uploader, heard, one_by_one=one_by_one)


def test_a_replay_ends_when_every_frame_is_answered(replay: Replay, spool: Spool) -> None:
    heard = Heard()
    agent_before(event_for, replay, spool, heard).run()

    assert heard.frames == ["a.jpg", "b.jpg", "c.jpg"]
    assert len(spool) == 0


def test_capture_never_waits_for_the_network(replay: Replay, spool: Spool) -> None:
    network, heard = Flag(), Heard()

    def answer(request: httpx.Request) -> httpx.Response:
        network.wait()
        return event_for(request)

    running = Thread(target=agent_before(answer, replay, spool, heard).run)
    running.start()
    spool.wait_until(lambda: len(spool) == 3)
    network.set()
    running.join()

    assert heard.frames == ["a.jpg", "b.jpg", "c.jpg"]


def test_one_by_one_asks_for_health_first_and_never_queues(replay: Replay, spool: Spool) -> None:
    seen = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append((request.url.path, len(spool)))
        return event_for(request)

    agent_before(answer, replay, spool, Heard(), one_by_one=True).run()

    assert seen == [("/api/health", 0), *[("/api/v1/frames", 1)] * 3]


def test_an_image_that_cannot_be_read_does_not_end_the_box(replay: Replay, spool: Spool) -> None:
    replay.files[1].unlink()
    heard = Heard()
    agent_before(event_for, replay, spool, heard).run()

    assert heard.frames == ["a.jpg", "c.jpg"]


def test_a_stopped_agent_leaves_its_frames_in_the_spool(replay: Replay, spool: Spool) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            agent.stop()
        return httpx.Response(503)

    agent = agent_before(answer, replay, spool, Heard())
    agent.run()

    assert len(spool) >= 1


def test_a_box_that_hears_nobody_any_more_ends_though_the_network_is_dead(replay: Replay, spool: Spool) -> None:
    class Breaking:
        def firings(self, stop: Flag) -> Iterator[Firing]:
            yield from replay.firings(stop)
            raise TriggerUnusable("the pin library broke", "start again")

        def close(self) -> None:
            """Nothing is held."""

    connection = Connection(Addresses(("http://127.0.0.1:1",)), transport=httpx.MockTransport(lambda _: _refused()))
    uploader = Uploader(Gateway(connection, lambda: "key"), spool, Heard())
    agent = Agent({"door": replay}, Breaking(), uploader, Heard())
    errors: list[Exception] = []

    def run() -> None:
        try:
            agent.run()
        except TriggerUnusable as error:
            errors.append(error)

    running = Thread(target=run, daemon=True)
    running.start()
    running.join(10)

    assert errors, "it waits for the network, deaf"
    assert len(spool) == 3


def _refused() -> Never:
    raise httpx.ConnectError("no network")


def test_a_listener_that_fails_ends_the_agent_with_its_error(replay: Replay, spool: Spool) -> None:
    class Broken(Listener):
        def answered(self, frame: Frame, event: Event, milliseconds: float) -> Never:
            raise BrokenPipeError

    with closing(replay), pytest.raises(BrokenPipeError):
        agent_before(event_for, replay, spool, Broken(), one_by_one=True).run()

    assert len(spool) == 1


def test_a_camera_that_is_not_at_work_is_not_stuck(replay: Replay, spool: Spool) -> None:
    assert agent_before(event_for, replay, spool, Heard()).stuck_s() == 0.0


def test_a_camera_thread_that_dies_ends_the_agent_with_its_error(spool: Spool) -> None:
    class Lens:
        def capture(self, triggered_s: float) -> Picture:
            return Picture(b"image", "image/jpeg")

    class Broken(Heard):
        def taken(self, frame: Frame, milliseconds: float) -> None:
            raise RuntimeError("the lights are off")

    class Endless:
        """A trigger that ends only when it is told to."""

        def firings(self, stop: Flag) -> Iterator[Firing]:
            yield Firing("manual")
            stop.wait(20)
            assert stop.is_set()

        def close(self) -> None: ...

    connection = Connection(Addresses(("http://127.0.0.1:1",)), transport=httpx.MockTransport(event_for))
    heard = Broken()
    uploader = Uploader(Gateway(connection, lambda: "key"), spool, heard)

    with pytest.raises(RuntimeError, match="the lights are off"):
        Agent({"door": Lens()}, Endless(), uploader, heard).run()


def test_a_stop_cuts_off_a_frame_that_is_on_its_way_for_long(
    replay: Replay, spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.agent._LAST_ANSWER_S", 0.05)
    sending, closed = Flag(), []

    class Slow(Uploader):
        def close(self) -> None:
            closed.append(True)
            super().close()

    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            sending.set()
            connection.closing.wait(20)
        return event_for(request)

    connection = Connection(Addresses(("http://127.0.0.1:1",)), transport=httpx.MockTransport(answer))
    agent = Agent({"door": replay}, replay, Slow(Gateway(connection, lambda: "key"), spool, Heard()), Heard())
    running = Thread(target=agent.run)
    running.start()
    sending.wait()
    agent.stop()
    running.join()

    assert closed == [True]
