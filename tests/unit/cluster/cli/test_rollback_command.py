"""`doorbell release rollback [NAME]` on a cluster that is a state in memory."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from cluster.cli import rollback
from cluster.cli.access import database
from cluster.cli.main import main
from cluster.deployment.colours import Deployed, State
from cluster.deployment.history import History
from cluster.deployment.rollout import Colour, Plan, Rollout, Standing, Step
from cluster.releases.manifest import ReleaseError

DIGEST = "1" * 64
Doorbell = Callable[..., tuple[int, str, str]]


@dataclass
class FakeCluster:
    current: State
    done: list[str] = field(default_factory=list)
    answers: str = ""

    @property
    def standby(self) -> FakeCluster:
        return self

    @property
    def api(self) -> SimpleNamespace:
        def answering(release: str) -> str:
            return self.answers or release

        def picture(event_id: str) -> bytes:
            raise AssertionError("a rollback looks at no recent frame")

        return SimpleNamespace(answering=answering, picture=picture)

    def standing(self, rollout: Rollout) -> Standing:
        return Standing.ABSENT

    def mark(self) -> None:
        return None

    def state(self) -> State:
        return self.current

    def prepare(self, rollout: Rollout) -> Iterator[str]:
        self.done.append("prepare")
        yield "looking for room"

    def deploy(self, rollout: Rollout, epoch: int) -> None:
        self.done.append("deploy")
        there = {rollout.colour: Deployed(rollout.release, rollout.digest)}
        self.current = replace(self.current, releases=self.current.releases | there)

    def trouble(self, colour: str) -> None:
        return None

    def finish(self, switched: Colour | Rollout, epoch: int) -> None:
        colour = switched.colour if isinstance(switched, Rollout) else switched
        self.done.append("finish")
        self.current = replace(self.current, live=colour, weights={colour: 100})


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeCluster:
    """new-1 is live, old-1 stands by, first-1 was live before; the registry has no gone-1 any more."""
    monkeypatch.setenv("DOORBELL_DATA", str(tmp_path))
    both = {"green": Deployed("new-1"), "blue": Deployed("old-1")}
    cluster, history = FakeCluster(State("green", both, {"green": 100})), History(database())
    at = datetime.now(UTC) - timedelta(days=1)
    number = history.claim(at)
    for name, before in (("first-1", "gone-1"), ("old-1", "first-1"), ("new-1", "old-1")):
        history.write(Rollout(name, name, DIGEST, "green", before, Step.COMPLETED, 0, Plan(), at, at), number, at)
    history.release_claim(number, at)

    @contextmanager
    def live_cluster(url: str, dashboard: str) -> Iterator[tuple[FakeCluster, History]]:
        yield cluster, history

    def manifest(name: str) -> object:
        if name == "gone-1":
            raise ReleaseError("the registry has no release gone-1")
        return SimpleNamespace(digest=DIGEST)

    monkeypatch.setattr(rollback, "live_cluster", live_cluster)
    monkeypatch.setattr(rollback, "registry", lambda: SimpleNamespace(manifest=manifest))
    return cluster


@pytest.fixture
def doorbell(capsys: pytest.CaptureFixture[str]) -> Doorbell:
    def run(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(["release", "rollback", *arguments])
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    return run


@pytest.mark.parametrize("name", [[], ["old-1"]])
def test_the_one_that_stands_by_is_switched_to(cluster: FakeCluster, doorbell: Doorbell, name: list[str]) -> None:
    status, out, _ = doorbell(*name, "--json")

    said = json.loads(out)
    assert (status, said["release"], said["seconds"] < 5) == (0, "old-1", True)
    assert cluster.done == ["finish"]


def test_a_gateway_that_does_not_take_the_weights_is_said(cluster: FakeCluster, doorbell: Doorbell) -> None:
    cluster.answers = "new-1"
    status, _, complaint = doorbell()

    assert status == 2
    assert "Serve was told, and new-1 still answers" in complaint


def test_another_one_is_started_first_and_is_in_the_history(cluster: FakeCluster, doorbell: Doorbell) -> None:
    status, out, _ = doorbell("first-1")

    assert status == 0
    assert out.splitlines()[-1].startswith("first-1 has the traffic again, after ")
    assert cluster.done == ["prepare", "deploy", "finish"]
    (row,) = History(database()).newest(1)
    assert (row.release, row.before, row.step, row.why) == ("first-1", "new-1", Step.COMPLETED, "by hand, from new-1")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("new-1", "new-1 is live already"),
        ("never-1", "never-1 was never live; 'doorbell release deploy never-1' proves it first"),
        ("gone-1", "the registry has no release gone-1"),
    ],
)
def test_what_cannot_be_gone_back_to_is_one_line(
    cluster: FakeCluster, doorbell: Doorbell, name: str, said: str
) -> None:
    assert doorbell(name) == (2, "", f"doorbell: {said}\n")
    assert cluster.done == []
