from __future__ import annotations

import time
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

from edge.health.vitals import Vitals
from edge.spool.queue import Spool
from tests.unit.edge.conftest import FrameMaker


def test_the_heartbeat_and_the_metrics_tell_what_the_parts_count(tmp_path: Path, a_frame: FrameMaker) -> None:
    suppressed = Counter({("button", "too soon"): 2, ("motion", "too soon"): 3, ("motion", "busy"): 1})
    firings = SimpleNamespace(fired=Counter({"button": 4}), suppressed=suppressed)
    cameras = {"front": SimpleNamespace(state="black", restarts=5), "yard": SimpleNamespace(state="well", restarts=0)}
    with Spool(tmp_path) as spool:
        entry = spool.take(a_frame(), time.monotonic() - 10)
        spool.dropped["full"] += 7
        vitals = Vitals(spool, tmp_path, cameras, firings)
        beat, gauges, counts = vitals.heartbeat(), vitals.gauges(), vitals.counts()

    assert beat["spool"]["frames"] == 1
    assert beat["spool"]["bytes"] == entry.size
    assert 10 <= beat["spool"]["oldest_seconds"] < 60
    assert beat["dropped"] == {"full": 7}
    assert beat["cameras"] == [{"id": "front", "state": "black"}, {"id": "yard", "state": "well"}]
    assert gauges["edge_spool_frames"][1] == 1
    assert gauges["edge_cameras_not_well"][1] == 1
    assert gauges["edge_disk_free_bytes"][1] > 0
    assert counts["edge_triggers"][2] == {"button": 4}
    assert counts["edge_triggers_suppressed"][2] == {"too soon": 5, "busy": 1}
    assert counts["edge_frames_dropped"][2] == {"full": 7}
    assert counts["edge_camera_restarts"][2] == {"front": 5, "yard": 0}
    assert set(counts["edge_spool_damage"][2]) == {"damaged", "torn", "unreadable"}
