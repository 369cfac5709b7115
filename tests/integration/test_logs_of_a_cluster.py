"""What a real cluster logs under load, and how it is searched."""

from __future__ import annotations

import json
import sqlite3
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cluster.sample_run import enrol_samples
from cluster.temporary import temp_folder
from samples.frames import PHOTOS
from tests.conftest import eventually

NAME = "Quirina Zwetschgenbaum"


def post(household, image: bytes, frame_id: str) -> int:
    headers = {"X-Camera-Id": "porch", "Idempotency-Key": frame_id}
    with household.client() as api:
        return api.post("/api/v1/frames", content=image, headers=headers).status_code


def logs(household, *options: str) -> list[dict]:
    dashboard = f"http://127.0.0.1:{household.ports.dashboard}"
    found = household.doorbell("logs", *options, "--dashboard", dashboard, "--json")
    assert found.returncode == 0, found.stderr
    return [json.loads(line) for line in found.stdout.splitlines()]


def written(household) -> dict[str, bytes]:
    """Every log file of the session, Ray's and Serve's too."""
    session = (temp_folder(household.data) / "r" / "session_latest").resolve() / "logs"
    return {str(file.relative_to(session)): file.read_bytes() for file in session.rglob("*") if file.is_file()}


@pytest.fixture(scope="module")
def loaded(cluster, frames: dict[str, bytes]):
    """The cluster after people and keys came, frames and nonsense, and people went."""
    enrol_samples(cluster.url, cluster.key)
    photo = (PHOTOS / "stranger-1.jpg").read_bytes()  # who comes to the door in the sample frames
    key = cluster.doorbell("keys", "create", "leaky", "--scope", "frames").stdout.split()[-1]
    with cluster.client() as api:
        assert api.post("/api/v1/recognition/faces", params={"subject": NAME}, content=photo).is_success
        with ThreadPoolExecutor(4) as threads:
            images = [frames["resident"], frames["stranger"], b"no image", b""] * 10
            list(threads.map(lambda image: post(cluster, image, str(uuid.uuid4())), images))
        api.get(f"/api/v1/recognition/subjects/{NAME}", headers={"X-API-Key": key})
        api.get("/api/v1/events", headers={"X-API-Key": "db_000000000000_" + "guessed" * 6 + "x"})
        sealed = sqlite3.connect(f"file:{cluster.data}/doorbell.db?mode=ro", uri=True)
        embeddings = [row[0] for row in sealed.execute("SELECT sealed FROM embeddings LIMIT 5")]
        yield cluster, key, embeddings
        api.delete(f"/api/v1/recognition/subjects/{NAME}")


def test_no_log_of_a_loaded_cluster_has_a_name_a_key_or_an_embedding(loaded) -> None:
    cluster, key, embeddings = loaded
    assert eventually(lambda: any(b"frame.answered" in text for text in written(cluster).values()))
    secrets = [NAME, NAME.replace(" ", "%20"), key.split("_", 2)[2], cluster.key.split("_", 2)[2], "guessedguessed"]
    secrets += [sealed.hex()[:64] for sealed in embeddings] + [repr(sealed)[2:60] for sealed in embeddings]

    found = {(name, secret) for name, text in written(cluster).items() for secret in secrets if secret.encode() in text}

    assert embeddings
    assert found == set()


def test_lines_of_a_frame_are_found_by_any_of_its_fields(loaded, frames: dict[str, bytes]) -> None:
    cluster, frame_id = loaded[0], str(uuid.uuid4())
    assert post(cluster, frames["resident"], frame_id) == 200
    trace = f"trace_id={frame_id.replace('-', '')}"
    assert eventually(
        lambda: {"frame.answered", "notice.delivered"} <= {each["event"] for each in logs(cluster, "-w", trace)}
    )

    (answered,) = logs(cluster, "-w", f"frame_id={frame_id}", "-w", "application=gateway")
    assert (answered["camera"], answered["verdict"], answered["status"]) == ("porch", "known", "recorded")
    assert logs(cluster, "-w", f"request_id={answered['request_id']}")[0] == answered
    assert answered in logs(cluster, "-w", "camera=porch", "-w", f"release={answered['release']}", "--since", "10m")
    assert logs(cluster, "-w", "camera=nowhere") == []


def test_a_level_changes_while_the_cluster_runs(loaded) -> None:
    cluster = loaded[0]
    cluster.doorbell("logs", "level", "serve_apps.gallery", "error", "--minutes", "10")

    def changed(to: str) -> set[str]:
        lines = logs(cluster, "-w", "event=levels.changed", "-w", f"to={to}", "-w", "logger_name=serve_apps.gallery")
        return {line["application"] for line in lines}

    assert eventually(lambda: {"gateway", "recognizer-blue", "courier", "forecaster"} <= changed("ERROR"))
    cluster.doorbell("logs", "level", "serve_apps.gallery", "usual")
    assert eventually(lambda: {"gateway", "recognizer-blue", "courier", "forecaster"} <= changed("NOTSET"))


def test_a_dashboard_that_is_away_is_one_line(loaded) -> None:
    found = loaded[0].doorbell("logs", "--dashboard", "http://127.0.0.1:9")

    assert found.returncode == 2
    assert len(found.stderr.splitlines()) == 1


def test_files_lie_in_the_sessions_log_folder_for_their_owner_only(loaded) -> None:
    folder: Path = (temp_folder(loaded[0].data) / "r" / "session_latest").resolve() / "logs" / "doorbell"

    assert {file.name.rsplit("-", 1)[0] for file in folder.glob("*.jsonl")} >= {"gateway", "recognizer-blue", "courier"}
    assert all(file.stat().st_mode & 0o077 == 0 for file in folder.iterdir())
