"""Releases on a running cluster: in, back, and never in, while doors go on posting."""

from __future__ import annotations

import json
import shutil
import signal
import uuid
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cluster.sample_run import enrol_samples
from tests.conftest import eventually
from tests.integration.conftest import RunningCluster
from tests.integration.rollouts import command, done, doors, pack, status

BRIEF = ("--prove", "1", "--bake", "2")
FAULTS = {
    "not-in-a-replica": "the graph of this engine cannot be built",
    "fails-soon": "broken 3 s after its start",
    "slow": "at most 2 times that is allowed",
    "leaks": "MB in",
}


@pytest.fixture(scope="module")
def home(cluster: RunningCluster) -> RunningCluster:
    enrol_samples(cluster.url, cluster.key)
    return cluster


def test_another_embedder_takes_over_and_gives_back_without_a_lost_request(
    home: RunningCluster, frames: dict[str, bytes]
) -> None:
    pack(home, "sface-1", "--recipe", "yunet-sface")
    with doors(home, frames) as seen:
        step_by_step = ("--steps", "50,100", "--hold", "2", "--requests", "5", "--most", "30")
        returned, said, complaint = done(home, "canary", "sface-1", *step_by_step, *BRIEF, "--slower", "50", "--json")
        assert returned == 0, complaint + said
        lines = [json.loads(line) for line in said.splitlines()]
        assert {"50 % of the traffic", "100 % of the traffic"} <= {line.get("said") for line in lines}
        report = json.loads(Path(lines[-1]["report"]).read_text())
        assert report["accepted"]
        assert report["golden"]["accuracy"] == 1.0
        eventually(lambda: seen["sface-1"] > 10)
        returned, said, complaint = done(home, "rollback", "--json")
        assert returned == 0, complaint
        assert json.loads(said)["release"] == "yunet-dlib-1"
        before = seen["yunet-dlib-1"]
        eventually(lambda: seen["yunet-dlib-1"] > before + 10)
    assert set(seen) == {"sface-1", "yunet-dlib-1"}
    found = status(home)
    assert found["step"] == "idle"
    assert [(row["release"], row["step"]) for row in found["history"]][:2] == [
        ("yunet-dlib-1", "completed"),
        ("sface-1", "completed"),
    ]


def test_the_live_release_and_a_damaged_one_are_one_line(home: RunningCluster) -> None:
    returned, _, complaint = done(home, "deploy", "yunet-dlib-1")
    assert (returned, complaint) == (2, "doorbell: yunet-dlib-1 is live already\n")
    pack(home, "flipped", "--recipe", "yunet-dlib")
    folder = home.data / "releases" / "flipped"
    weights = max(folder.iterdir(), key=lambda path: path.stat().st_size)
    content = bytearray(weights.read_bytes())
    content[len(content) // 2] ^= 1
    weights.chmod(0o600)
    weights.write_bytes(content)
    returned, _, complaint = done(home, "deploy", "flipped")
    assert returned == 1
    assert weights.name in complaint
    assert [colour["release"] for colour in status(home)["colours"]] == ["yunet-dlib-1", "sface-1"]
    shutil.rmtree(folder)


def test_a_killed_controller_is_gone_on_from_and_wrong_answers_get_no_traffic(
    home: RunningCluster, frames: dict[str, bytes]
) -> None:
    pack(home, "forgetful", "--from", "yunet-dlib-1", "--threshold", "0.05")
    with doors(home, frames) as seen:
        first = command(home, "deploy", "forgetful", "--prove", "1", "--json")
        assert first.stdout is not None
        steps = (json.loads(line)["step"] for line in first.stdout)
        assert "validating" in steps
        first.send_signal(signal.SIGKILL)
        first.communicate()
        assert status(home)["step"] == "validating"
        returned, _, complaint = done(home, "resume")
        assert returned == 1
        assert "golden frames were answered as expected" in complaint
    assert set(seen) == {"yunet-dlib-1"}
    found = status(home)
    assert [colour["release"] for colour in found["colours"]] == ["yunet-dlib-1"]
    assert found["history"][0]["step"] == "failed"


@pytest.mark.parametrize("fault", FAULTS)
def test_a_release_with_a_fault_is_taken_back_before_any_traffic(
    home: RunningCluster, frames: dict[str, bytes], fault: str
) -> None:
    engine = fault.replace("-", "_")
    pack(home, fault, "--from", "yunet-dlib-1", "--engine", f"benchmarks.faulty_engines:{engine}")
    with doors(home, frames) as seen:
        returned, _, complaint = done(home, "deploy", fault, "--prove", "4", "--bake", "2")
    assert returned == 1
    assert f"{fault} was taken back, yunet-dlib-1 has the traffic" in complaint
    assert FAULTS[fault] in complaint
    assert set(seen) == {"yunet-dlib-1"}


def test_an_alert_takes_the_traffic_back_and_is_in_the_audit_trail(
    home: RunningCluster, frames: dict[str, bytes]
) -> None:
    created = json.loads(home.doorbell("keys", "create", "alertmanager", "--scope", "alerts", "--json").stdout)
    pack(home, "alarming", "--from", "yunet-dlib-1", "--threshold", "0.57")
    with doors(home, frames) as seen:
        rollout = command(home, "deploy", "alarming", "--prove", "1", "--slower", "50", "--bake", "60", "--json")
        assert rollout.stdout is not None
        assert "100 % of the traffic" in (json.loads(line)["said"] for line in rollout.stdout)
        eventually(lambda: seen["alarming"] > 3)
        with home.client() as api:
            answer = api.post("/api/v1/alerts", json=firing("DoorsUnanswered"), headers={"X-API-Key": created["key"]})
        assert answer.json()["kept"] == 1, answer.text
        said, _ = rollout.communicate(timeout=120)
        assert json.loads(said.splitlines()[-1])["why"].startswith("alert DoorsUnanswered")
        before = seen["yunet-dlib-1"]
        eventually(lambda: seen["yunet-dlib-1"] > before + 5)
    assert set(seen) == {"yunet-dlib-1", "alarming"}
    assert json.loads(home.doorbell("audit", "verify", "--json").stdout)["whole"]
    assert "alert.kept" in home.doorbell("audit", "list").stdout


def firing(name: str) -> dict[str, object]:
    """As Alertmanager sends it."""
    labels = {"alertname": name, "doorbell_action": "rollback"}
    now = datetime.now(UTC).isoformat()
    alert = {"status": "firing", "labels": labels, "annotations": {}, "startsAt": now, "fingerprint": uuid.uuid4().hex}
    return {"version": "4", "status": "firing", "receiver": "doorbell", "alerts": [alert]}
