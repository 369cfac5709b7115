"""A rollout's hands and eyes on a running cluster: Serve's config by its REST interface, the application by HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from cluster.deployment.api import Api
from cluster.deployment.cameras import Mark, compared
from cluster.deployment.changes import Changes
from cluster.deployment.colours import State
from cluster.deployment.control import Serve
from cluster.deployment.drift import Compared
from cluster.deployment.health import last_line
from cluster.deployment.judge import Seen
from cluster.deployment.replay import replayed
from cluster.deployment.replicas import until_there_is_room
from cluster.deployment.rollout import Colour, Rollout
from cluster.deployment.serve_config import RECOGNIZER, application_of
from cluster.deployment.shadow import Pair
from cluster.deployment.usual import Usual
from cluster.deployment.validate import Tried

LAST = 10**18 - 1
"""Behind every event: only the newest numbers are asked for."""

TAKEN_SECONDS = 2.0
"""Within which every gateway has new weights: Serve's controller looks twice a second."""

OBSERVATIONS = "/api/v1/releases/observations"

MOST_VALUES = 1000
"""That are read of each release at a look; all are counted."""

USUAL_EVENTS = 500
"""The newest, which say what is usual of the live release."""


class LiveCluster(Changes):
    """`check` verifies a release, embeds the gallery and says what it does; it and `threshold` raise TakenBack."""

    def __init__(
        self,
        serve: Serve,
        api: Api,
        check: Callable[[str], Iterator[str]],
        keep: Callable[[State], None],
        threshold: Callable[[str], float],
    ) -> None:
        super().__init__(serve, keep, api.newest_cameras)
        self.api = api
        self._check = check
        self._threshold = threshold

    def replicas(self) -> dict[str, dict[str, Any]]:
        """By colour: how many replicas run, and what Serve says of them."""
        found = {}
        for name, application in self._serve.details().items():
            if name.startswith(RECOGNIZER):
                running = [each for one in application.deployments for each in one.replicas if each.state == "RUNNING"]
                found[name.removeprefix(RECOGNIZER)] = {"replicas": len(running), "status": application.status}
        return found

    def prepare(self, rollout: Rollout) -> Iterator[str]:
        yield from until_there_is_room(self._serve, rollout.colour)
        yield from self._check(rollout.release)

    def trouble(self, colour: Colour) -> str | None:
        found = self._serve.details().get(application_of(colour))
        if found is None:
            return ""
        if found.status == "DEPLOY_FAILED" or "UNHEALTHY" in (
            found.status,
            *(each.status for each in found.deployments),
        ):
            return last_line(found)
        return None if found.status == "RUNNING" else ""

    def usual(self) -> tuple[Seen, Usual]:
        params = {"since_seq": max(0, self.mark().seq - USUAL_EVENTS), "since_failure": LAST}
        found = self.api.asked("GET", OBSERVATIONS, params=params)
        state = self.state()
        each = _of(found, state.releases[state.live].name)
        usual = Usual(each.get("recognize_ms", []), each.get("cameras", []))
        return _seen(each, 0, usual), usual

    def mark(self) -> Mark:
        found = self.api.asked("GET", OBSERVATIONS, params={"limit": 1, "since_seq": LAST})
        return Mark(found["last_seq"], found["last_failure"])

    def seen(self, release: str, since: object, usual: Usual) -> tuple[Seen, Seen]:
        assert isinstance(since, Mark)
        params = {"since_seq": since.seq, "since_failure": since.failure, "limit": MOST_VALUES}
        found = self.api.asked("GET", OBSERVATIONS, params=params)
        state = self.state()

        def of(name: str, colour: Colour) -> Seen:
            return _seen(_of(found, name), int(found["failed_tries"].get(application_of(colour), 0)), usual)

        return of(state.releases[state.live].name, state.live), of(release, state.idle)

    def compared(self, release: str, before: object, since: object, *, alone: bool) -> Compared:
        return compared(self.api.asked, self.state(), self._threshold, release, before, since, alone=alone)

    def deciding(self, release: str, since: object) -> str | None:
        assert isinstance(since, Mark)
        answering = self.api.answering(release)
        if answering != release:
            return f"{answering} answers"
        newest = self.api.asked("GET", "/api/v1/events", params={"limit": 1})["events"]
        if newest and newest[0]["release"] != release and self.mark().seq > since.seq:
            return f"{newest[0]['release']} decided the newest event"
        return None

    def tried(self, colour: Colour | None) -> Tried:
        return self.api.tried(application_of(colour or self.state().live))

    def replayed(self, colour: Colour) -> Iterator[list[Pair]]:
        return replayed(self.api.asked, application_of(self.state().live), application_of(colour))


def _of(found: dict[str, Any], release: str) -> dict[str, Any]:
    return next((each for each in found["releases"] if each["release"] == release), {})


def _seen(each: dict[str, Any], failed: int, usual: Usual) -> Seen:
    return Seen(failed, each.get("recognize_ms", []), usual.of(each.get("cameras", [])), each.get("requests", 0))
