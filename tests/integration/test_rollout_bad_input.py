"""`doorbell release deploy` of what cannot be deployed: a clear line, and no word to Serve.

The command, the registry and the database are real; Serve's and the application's answers are those of a cluster that
runs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from cluster.cli import rollouts
from cluster.cli.main import main
from cluster.deployment.control import Serve
from cluster.deployment.history import History
from cluster.deployment.rollout import Step
from cluster.deployment.shipped import shipped
from cluster.releases.manifest import MANIFEST
from cluster.releases.pack import pack
from cluster.releases.recipes import RECIPES
from cluster.releases.signing import make_signing_key
from cluster.security.keyring import Keyring, make_master_key, master_key
from serve_apps.database import connect, migrate
from serve_apps.faces import Standing
from serve_apps.gallery.crops import FolderCrops
from serve_apps.gallery.person import NewFace
from serve_apps.gallery.store import Gallery
from serve_apps.recognition.weights import SFACE, YUNET

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
RECIPE = RECIPES["yunet-sface"]


@dataclass
class Dashboard:
    """Ray's dashboard of a cluster as it is shipped; `meanwhile` happens when the room is looked at."""

    free: float = 8.0
    meanwhile: Callable[[], object] = lambda: None
    changes: list[httpx.Request] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.method != "GET":
            self.changes.append(request)
            return httpx.Response(200)
        return httpx.Response(200, json=self._answer(request.url.path))

    def _answer(self, path: str) -> dict[str, Any]:
        if path == "/api/cluster_status":
            self.meanwhile()
            return {"data": {"clusterStatus": {"loadMetricsReport": {"usage": {"CPU": [8 - self.free, 8]}}}}}
        if path == "/nodes":
            return {"data": {"summary": [{"raylet": {"state": "ALIVE"}, "mem": [2**33, 2**33]}]}}
        config = shipped()
        told = {"status": "RUNNING", "message": "", "deployments": {}}
        applications = {
            each["name"]: {"name": each["name"], "deployed_app_config": each, **told} for each in config["applications"]
        }
        return {"proxy_location": "HeadOnly", "http_options": {}, "applications": applications}


@dataclass(frozen=True)
class House:
    data: Path
    dashboard: Dashboard
    capsys: pytest.CaptureFixture[str]

    def pack(self, name: str = "spring", key: str = "release_signing.key", **weights: Path) -> Path:
        """A release in the registry, of a few bytes unless weights are given."""
        sources = {role: self.data / f"{name}-{role}" for role in RECIPE.weights}
        for role, path in sources.items():
            path.write_bytes(role.encode())
        (self.data / "releases").mkdir(exist_ok=True)
        packed = pack(self.data / "releases", name, RECIPE, sources | weights, NOW, self.data / key)
        return packed.rename(self.data / "releases" / name)

    def deploy(self, name: str = "spring") -> tuple[int, str]:
        """The status, and the one line that is said."""
        with pytest.raises(SystemExit) as ended:
            main(["release", "deploy", name])
        said = self.capsys.readouterr().err
        assert self.dashboard.changes == []
        assert said.count("\n") == 1
        return int(ended.value.code or 0), said

    def taken_back(self, name: str = "spring") -> str:
        """Why a rollout that was begun ended."""
        status, said = self.deploy(name)
        (last,) = History(connect(f"sqlite:///{self.data}/doorbell.db")).newest(1)
        assert (status, last.step) == (1, Step.FAILED)
        assert said == f"{name} was taken back, {last.before} has the traffic: {last.why}\n"
        return last.why


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> House:
    dashboard = Dashboard()

    @contextmanager
    def api(*_: object) -> Iterator[httpx.Client]:
        with httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(200, json={}))) as opened:
            yield opened

    transport = httpx.MockTransport(dashboard)
    monkeypatch.setattr(rollouts, "Serve", lambda url, token: Serve(url, token, transport))
    monkeypatch.setattr(rollouts, "client", api)
    monkeypatch.setattr("cluster.deployment.replicas.ROOM_TRIES", 1)
    monkeypatch.setenv("DOORBELL_DATA", str(tmp_path))
    (tmp_path / "ray_token").write_text("token")
    make_master_key(tmp_path / "master.key")
    make_signing_key(tmp_path / "release_signing.key", tmp_path / "release_keys.pub")
    return House(tmp_path, dashboard, capsys)


def test_a_signature_of_an_unknown_key_is_told_and_nothing_is_started(house: House) -> None:
    make_signing_key(house.data / "stranger.key", house.data / "stranger.pub")
    house.pack(key="stranger.key")

    assert "signed by a key that is" in house.taken_back()


def test_a_release_without_a_licence_is_told_before_anything_begins(house: House) -> None:
    manifest = house.pack() / MANIFEST
    fields = json.loads(manifest.read_bytes())
    del fields["weights"][0]["licence"]
    manifest.chmod(0o600)
    manifest.write_text(json.dumps(fields))

    status, said = house.deploy()

    assert status == 2
    assert "the file has no licence; it needs an SPDX expression" in said


def test_weights_of_another_shape_are_told_with_what_they_should_be(house: House) -> None:
    house.pack(detector=YUNET.locate(), embedder=YUNET.locate())

    why = house.taken_back()

    assert why.startswith("the gallery cannot be embedded by spring: ")
    assert why.endswith("pack a release with weights that fit")


def test_whoever_the_embedder_cannot_embed_is_named(house: House) -> None:
    house.pack(detector=YUNET.locate(), embedder=SFACE.locate())
    keyring = Keyring(connect(f"sqlite:///{house.data}/keyring.db"), master_key(house.data / "master.key"))
    gallery = Gallery(connect(f"sqlite:///{house.data}/doorbell.db"), keyring, FolderCrops(house.data / "crops"))
    migrate(gallery.database)
    persons = [gallery.add_person(name, Standing.KNOWN, NOW) for name in ("Ada", "Grace")]
    for person in persons:
        gallery.add_face(person, NewFace("1" * 64, 0.9, np.zeros(128, np.float32), "space-1", b"no picture"), NOW)

    why = house.taken_back()

    assert {person.id for person in persons} <= set(re.split(r"[ ,:()]+", why))
    assert "Ada" not in why  # it is kept, and outlives an erasure
    assert why.endswith("('doorbell gallery reembed --release spring' has their names)")


def test_no_room_for_a_second_colour_says_how_much_is_needed(house: House) -> None:
    house.pack()
    house.dashboard.free = 0.5

    assert "2 replicas of 0.8 CPU are needed, 0 fit here; add a node" in house.taken_back()


def test_the_live_release_is_not_deployed_again(house: House) -> None:
    house.pack("yunet-dlib-1")

    assert house.deploy("yunet-dlib-1") == (2, "doorbell: yunet-dlib-1 is live already\n")


def test_a_registry_that_goes_away_in_the_middle_is_told(house: House) -> None:
    house.pack()
    house.dashboard.meanwhile = lambda: (house.data / "releases").rename(house.data / "away")

    assert "no such folder; mount the registry again" in house.taken_back()


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_database_that_goes_away_in_the_middle_is_told_with_how_to_go_on(
    house: House, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, name = database.rsplit("/", 1)

    def drop() -> None:
        with connect(f"{server}/postgres").connect() as connection:
            connection.execution_options(isolation_level="AUTOCOMMIT")
            connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")

    monkeypatch.setenv("DOORBELL_DATABASE_URL", database)
    monkeypatch.setattr(rollouts, "check", lambda *_: iter(()))
    house.pack()
    house.dashboard.meanwhile = drop

    status, said = house.deploy()

    assert status == 2
    assert said.startswith("doorbell: the database went away (")
    assert "the live release keeps the traffic" in said
    assert "'doorbell release resume'" in said


def test_a_cut_manifest_is_told_with_the_way_out(house: House) -> None:
    manifest = house.pack() / MANIFEST
    manifest.chmod(0o600)
    manifest.write_bytes(manifest.read_bytes()[:100])

    status, said = house.deploy()

    assert status == 2
    assert said.startswith("doorbell: spring: the manifest is damaged (")
    assert "restore it, or remove the release from the registry and pack it again" in said
