from __future__ import annotations

import asyncio
from typing import Any

import pytest

from cluster.monitoring.journey import Journey, current, ended
from serve_apps.api.journeys import Journeys

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def asked(app: Any, path: str = "/api/v1/frames", headers: tuple[tuple[bytes, bytes], ...] = ()) -> list[Journey]:
    heard: list[Journey] = []
    scope = {"type": "http", "method": "POST", "path": path, "headers": list(headers)}

    async def nothing(*_: Any) -> Any:
        return {}

    asyncio.run(Journeys(app, [heard.append])(scope, nothing, nothing))
    return heard


def answers(status: int, then: Any = lambda: None) -> Any:
    async def app(_: Any, __: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": status})
        await send({"type": "http.response.body", "body": b"{}"})
        then()

    return app


@pytest.mark.parametrize(("status", "said"), [(401, "refused"), (413, "refused"), (500, "failed"), (503, "failed")])
def test_an_answer_that_is_a_problem_is_refused_or_failed(status: int, said: str) -> None:
    (journey,) = asked(answers(status))

    assert (journey.status, journey.error) == (said, str(status))
    assert [stage.name for stage in journey.stages] == ["total"]


def test_what_follows_the_answer_is_not_part_of_the_journey() -> None:
    heard: list[Any] = []

    asked(answers(200, lambda: heard.append(current.get().stages[-1].name)))

    assert heard == ["total"]


def test_a_request_that_raises_has_failed_and_is_told_once() -> None:
    async def app(*_: Any) -> None:
        raise KeyError("odd")

    heard: list[Journey] = []
    journeys = Journeys(app, [heard.append])
    scope = {"type": "http", "method": "POST", "path": "/api/v1/frames", "headers": []}
    with pytest.raises(KeyError):
        asyncio.run(journeys(scope, None, None))  # type: ignore[arg-type]

    assert [(each.status, each.error) for each in heard] == [("failed", "KeyError")]


@pytest.mark.parametrize(("is_whole", "said"), [(False, ("refused", "sender-gone")), (True, ("failed", None))])
def test_a_sender_who_leaves_has_been_failed_only_when_the_frame_was_whole(
    is_whole: bool, said: tuple[str, str | None]
) -> None:
    async def app(*_: Any) -> None:
        if is_whole:
            ended("admit")
        raise asyncio.CancelledError

    heard: list[Journey] = []
    scope = {"type": "http", "method": "POST", "path": "/api/v1/frames", "headers": []}
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(Journeys(app, [heard.append])(scope, None, None))  # type: ignore[arg-type]

    assert [(each.status, each.error) for each in heard] == [said]


def test_other_paths_are_not_followed() -> None:
    assert asked(answers(200), "/api/v1/events") == []


@pytest.mark.parametrize(
    ("given", "kept"), [([PARENT], PARENT), ([PARENT, PARENT], None), (["nonsense"], None), ([], None)]
)
def test_only_one_valid_traceparent_is_kept(given: list[str], kept: str | None) -> None:
    headers = tuple((b"traceparent", each.encode()) for each in given)

    (journey,) = asked(answers(200), headers=headers)

    assert journey.traceparent == kept
