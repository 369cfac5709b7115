"""A small soak of a real cluster: every process is seen, and a burst is answered."""

from __future__ import annotations

import threading

from benchmarks import overload, soak
from benchmarks.processes import Watch
from benchmarks.run import frames as sample_frames
from benchmarks.soak import Soak
from tests.integration.conftest import RunningCluster


def test_a_soak_sees_every_process_and_posts_exactly_so_many_frames(household: RunningCluster) -> None:
    measured = Soak(60, 2, Watch(household.process.pid))

    soak.run((household.url, household.key), measured, overload_seconds=0, stop=threading.Event())
    found = soak.as_json(measured)

    assert (found["frames"], found["warm_up_frames"], found["statuses"]) == (60, 15, {"200": 75})
    assert found["complete"] is True
    names = {process["name"] for process in found["samples"]}
    assert {"raylet", "gcs_server", "haproxy", "ServeController", "DashboardAgent", "dashboard.py"} <= names
    replicas = ("recognizer-blue:Recognizer", "gateway:Gateway", "courier:Courier")
    assert {f"ServeReplica:{replica}" for replica in replicas} <= names


def test_a_burst_is_answered_and_reported(household: RunningCluster) -> None:
    found = overload.burst((household.url, household.key), sample_frames(), 1.0, threading.Event(), count=8)

    assert found is not None
    assert set(found.statuses) <= {"200", "429"}
    assert found.statuses["200"] >= 8
    assert 0 < found.slowest_share <= 1


def test_a_soak_that_is_asked_to_stop_has_nothing_to_hide(household: RunningCluster) -> None:
    stop = threading.Event()
    stop.set()
    measured = Soak(1000, 2, Watch(household.process.pid))

    soak.run((household.url, household.key), measured, overload_seconds=5, stop=stop)
    found = soak.as_json(measured)

    assert (found["frames"], found["complete"], found["overload"]) == (0, False, None)
