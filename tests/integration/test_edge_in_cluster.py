"""A box from its enrolment on, before a real cluster: cameras, heartbeats, a key that is revoked and renewed."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from samples.frames import PHOTOS
from tests.conftest import eventually, free_ports
from tests.integration.box import ROOT, Box, edge, logged, running, video

__all__ = ["video"]


@pytest.fixture
def stream() -> Iterator[str]:
    """The address of a network camera that shows the resident."""
    (port,) = free_ports(1)
    command = [sys.executable, "-m", "tests.rtsp_server", "--port", str(port), str(PHOTOS / "resident-1.jpg")]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout.readline()
        yield f"rtsp://127.0.0.1:{port}/stream"
        server.kill()


def test_a_network_camera_from_a_real_server_is_recognized(household, tmp_path: Path, stream: str) -> None:
    camera = {"id": "rtsp-door", "driver": "rtsp", "source": stream, "transport": "udp"}
    box = Box(household, tmp_path, camera)
    box.enrol()
    with running(box.config, box.log):
        assert eventually(lambda: logged(box.log, "camera.well"))
        event = eventually(lambda: box.event(frame)) if (frame := box.press()) else None

    assert event["verdict"] == "known"
    assert [face["person"]["name"] for face in event["faces"]] == ["Resident"]
    # The trace that began at the trigger goes on in the cluster.
    assert event["trace_id"] == frame.replace("-", "")


def test_a_revoked_box_loses_nothing_and_goes_on_with_a_new_key(household, tmp_path: Path, video: Path) -> None:
    box = Box(household, tmp_path, {"id": "porch-door", "driver": "video", "source": str(video), "loop": True})
    first = box.enrol()
    assert box.key.stat().st_mode & 0o077 == 0
    well = [{"id": "porch-door", "state": "well"}]
    with running(box.config, box.log):
        assert eventually(lambda: logged(box.log, "camera.well"))
        seen = eventually(lambda: (told := box.device(first))["state"] == "well" and told["cameras"] == well and told)
        assert eventually(lambda frame=box.press(): box.event(frame))

        household.doorbell("devices", "revoke", first)
        time.sleep(1.0)
        kept = box.press()
        assert eventually(lambda: logged(box.log, "frame.waiting"))[0]["level"] == "error"
        waiting = list(box.spool.glob("*.frame"))
        second = box.enrol("--replace")
    # A refused key is asked again once a minute; a start does not wait for that.
    with running(box.config, box.log):
        event = eventually(lambda: box.event(kept))

    assert seen["cameras"] == well
    assert seen["version"]
    assert seen["spool"]["frames"] == 0
    assert [kept in file.name for file in waiting] == [True]
    assert event["verdict"] == "known"
    assert (box.device(first)["state"], second != first) == ("revoked", True)


def test_the_check_tells_what_works_and_what_does_not(household, tmp_path: Path, video: Path) -> None:
    box = Box(household, tmp_path, {"id": "check-door", "driver": "video", "source": str(video), "loop": True})
    box.enrol()
    well = edge("check", "--config", box.config, "--json")
    box.key.write_text("db_000000000000_" + "A" * 43)
    video.unlink()
    bad = edge("check", "--config", box.config)

    found = {line["part"]: line["state"] for line in map(json.loads, well.stdout.splitlines())}
    assert (well.returncode, well.stderr) == (0, "")
    assert {"key", "cluster", "clock", "spool", "camera check-door"} <= found.keys()
    assert set(found.values()) <= {"ok", "look"}
    assert bad.returncode == 1
    assert "! key" in bad.stdout
    assert "-> enrol this box" in bad.stdout
    assert "! camera check-door" in bad.stdout
