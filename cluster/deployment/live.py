"""A rollout's hands and eyes on a running cluster: Serve's config by its REST interface, the application by HTTP."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

import httpx

from cluster.deployment.cameras import Mark, compared
from cluster.deployment.colours import Deployed, Lease, State
from cluster.deployment.control import ApplicationDetails, Serve
from cluster.deployment.drift import Compared
from cluster.deployment.driver import ApplicationError, TakenBack
from cluster.deployment.golden import GoldenSet
from cluster.deployment.judge import Seen
from cluster.deployment.replay import image_path, replayed
from cluster.deployment.rollout import Colour
from cluster.deployment.serve_config import RECOGNIZER, application_of, generate, state_of
from cluster.deployment.shadow import Pair
from cluster.deployment.shares import PARTS, weight_for
from cluster.deployment.validate import Answer, Tried

AT_ONCE = 8
"""Golden frames in one request."""

ROOM_TRIES = 15
LAST = 10**18 - 1
"""Behind every event: only the newest numbers are asked for."""

TAKEN_SECONDS = 2.0
"""Within which every gateway has new weights: Serve's controller looks twice a second."""


class LiveCluster:
    """`api` has an admin's key; `check` verifies a release, embeds the gallery; it and `threshold` raise TakenBack."""

    def __init__(
        self,
        serve: Serve,
        api: httpx.Client,
        golden: GoldenSet,
        check: Callable[[str], None],
        keep: Callable[[State], None],
        threshold: Callable[[str], float],
    ) -> None:
        self._serve = serve
        self._api = api
        self._golden = golden
        self._check = check
        self._keep = keep
        self._threshold = threshold

    def state(self) -> State:
        """As Serve has it. Raises ServeError, StateError."""
        return state_of(self._serve.config())

    def replicas(self) -> dict[str, dict[str, Any]]:
        """By colour: how many replicas run, and what Serve says of them."""
        found = {}
        for name, application in self._serve.details().items():
            if name.startswith(RECOGNIZER):
                running = [each for one in application.deployments for each in one.replicas if each.state == "RUNNING"]
                found[name.removeprefix(RECOGNIZER)] = {"replicas": len(running), "status": application.status}
        return found

    def prepare(self, release: str, colour: Colour) -> None:
        _must_have_room(self._serve, colour)
        self._check(release)

    def deploy(self, release: str, digest: str, colour: Colour, epoch: int) -> None:
        state = self.state()
        releases = {state.live: state.releases[state.live], colour: Deployed(release, digest)}
        self._put(replace(state, releases=releases, weights={state.live: PARTS}, lease=None, epoch=epoch), whole=True)

    def trouble(self, colour: Colour) -> str | None:
        found = self._serve.details().get(application_of(colour))
        if found is None:
            return ""
        if found.status == "DEPLOY_FAILED" or "UNHEALTHY" in (
            found.status,
            *(each.status for each in found.deployments),
        ):
            return _last_line(found)
        return None if found.status == "RUNNING" else ""

    def share(self, colour: Colour, percent: float, until: datetime | None, epoch: int) -> None:
        state = self.state()
        own = weight_for(percent, self._recent(), application_of(colour), application_of(state.live))
        weights = {state.live: PARTS - own, colour: own}
        lease = Lease(until, {state.live: PARTS}) if until else None
        self._put(replace(state, weights=weights, lease=lease, epoch=epoch), whole=True)

    def mark(self) -> Mark:
        found = self._asked("GET", "/api/v1/releases/observations", params={"limit": 1, "since_seq": LAST})
        return Mark(found["last_seq"], found["last_failure"])

    def seen(self, release: str, since: object) -> tuple[Seen, Seen]:
        assert isinstance(since, Mark)
        params = {"since_seq": since.seq, "since_failure": since.failure}
        found = self._asked("GET", "/api/v1/releases/observations", params=params)
        state = self.state()
        live = state.releases[state.live].name
        by_release = {each["release"]: each for each in found["releases"]}

        def of(name: str, colour: Colour) -> Seen:
            took = by_release.get(name, {}).get("recognize_ms", [])
            return Seen(int(found["failed_tries"].get(application_of(colour), 0)), took)

        return of(live, state.live), of(release, state.idle)

    def compared(self, release: str, before: object, since: object, *, alone: bool) -> Compared:
        return compared(self._asked, self.state(), self._threshold, release, before, since, alone=alone)

    def finish(self, colour: Colour, epoch: int) -> None:
        done = replace(self.state(), live=colour, weights={colour: PARTS}, lease=None, epoch=epoch)
        self._put(done)
        self._keep(done)

    def withdraw(self, release: str, colour: Colour, epoch: int) -> None:
        state = self.state()
        standing = state.releases.get(colour)
        if standing is None or standing.name != release:
            return  # it never came so far, and who stands by stays
        back = replace(state, weights={state.live: PARTS}, lease=None, epoch=epoch)
        self._put(back)
        if colour != state.live:
            time.sleep(TAKEN_SECONDS)  # a gateway that has not heard yet would ask replicas that end
            self._put(replace(back, releases={state.live: state.releases[state.live]}))

    def deciding(self, release: str) -> str | None:
        self._asked("GET", "/api/ready")
        newest = self._asked("GET", "/api/v1/events", params={"limit": 1})["events"]
        if newest and newest[0]["release"] != release:
            return f"{newest[0]['release']} decided the newest event"
        return None

    def tried(self, colour: Colour | None) -> Tried:
        answers: list[Answer] = []
        memory: dict[int, list[int]] = {}
        unusable: list[str] = []
        frames, people = self._golden.golden.frames, self._golden.people()
        path = f"/api/v1/releases/{application_of(colour or self.state().live)}/trial"
        for first in range(0, len(frames), AT_ONCE):
            part = frames[first : first + AT_ONCE]
            content = {"people": people, "frames": [self._golden.encoded(frame.file) for frame in part]}
            found = self._asked("POST", path, json=content)
            unusable = found["unusable"]
            memory.setdefault(found["pid"], []).append(found["resident_bytes"])
            for frame, each in zip(part, found["frames"], strict=True):
                said = _said(each["verdict"], each["who"])
                answers.append(Answer(frame.file, _said(frame.verdict, frame.who), said, each["milliseconds"]))
        return Tried(answers, memory, unusable)

    def replayed(self, colour: Colour) -> Iterator[list[Pair]]:
        return replayed(self._asked, application_of(self.state().live), application_of(colour))

    def picture(self, event_id: str) -> bytes:
        """A recent frame. Raises ApplicationError."""
        return self._answer("GET", image_path(event_id)).content

    def _put(self, state: State, *, whole: bool = False) -> None:
        """`whole`: the idle colour has as many replicas as the live one, ready for all of the traffic."""
        config = self._serve.config()
        live = application_of(state_of(config).live)
        config["applications"].sort(key=lambda application: application["name"] != live)  # the template comes first
        self._serve.put(generate(config, state, _least(config) if whole else None))

    def _recent(self) -> Counter[str]:
        newest = self._asked("GET", "/api/v1/events", params={"limit": 500})
        return Counter(event["camera_id"] for event in newest["events"])

    def _asked(self, method: str, path: str, **options: Any) -> Any:
        return self._answer(method, path, **options).json()

    def _answer(self, method: str, path: str, **options: Any) -> httpx.Response:
        try:
            answer = self._api.request(method, path, **options)
            answer.raise_for_status()
        except httpx.HTTPStatusError as error:
            raise ApplicationError(f"{path} answered {error.response.status_code}: {_detail(error.response)}") from None
        except httpx.HTTPError as error:
            raise ApplicationError(f"{self._api.base_url} does not answer: {error}") from None
        return answer


def _must_have_room(serve: Serve, colour: Colour) -> None:
    for _ in range(ROOM_TRIES):
        missing = _missing_room(serve, colour)
        if not missing:
            return
        time.sleep(1.0)  # Ray counts what is free every few seconds only
    raise TakenBack(missing)


def _missing_room(serve: Serve, colour: Colour) -> str:
    config, details = serve.config(), serve.details()
    needed = _least(config) * _cpus(config)
    standing = details.get(application_of(colour))
    freed = sum(len(each.replicas) for each in standing.deployments) * _cpus(config) if standing else 0.0
    free = serve.free().cpus + freed
    if free + 1e-6 >= needed:
        return ""
    return (
        f"no room for a second colour: {needed:g} CPUs are needed, {free:g} are free; add a node, or lower "
        "min_replicas of the recognizer"
    )


def _detail(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return answer.text[:200]


def _said(verdict: str, who: Any) -> str:
    return f"{verdict} ({', '.join(sorted(who))})" if who else str(verdict)


def _recognizer(config: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = config["applications"][0]["deployments"][0]
    return found


def _least(config: dict[str, Any]) -> int:
    return int((_recognizer(config).get("autoscaling_config") or {}).get("min_replicas", 1))


def _cpus(config: dict[str, Any]) -> float:
    return float((_recognizer(config).get("ray_actor_options") or {}).get("num_cpus", RECOGNIZER_CPUS))


RECOGNIZER_CPUS = 0.8
"""What a recognizer replica reserves unless the config says otherwise; a test holds it to the deployment's own."""


ERROR_WORDS = ("Error", "Exception", "Failed")


def _last_line(found: ApplicationDetails) -> str:
    """The error of a deployment says more than the application's, which repeats that there is one."""
    texts = [each.message for each in found.deployments] + [found.message]
    lines = [[line.strip() for line in text.splitlines() if line.strip()] for text in texts]
    errors = [[line for line in said if any(word in line for word in ERROR_WORDS)] for said in lines]
    return next((said[-1] for said in [*errors, *lines] if said), found.status)[:500]
