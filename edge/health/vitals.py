"""How the box is: what its metrics and its heartbeats tell."""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil

from edge.camera import CameraState
from edge.firings import Firings
from edge.health.metrics import Counts, Gauges
from edge.pictures.live import LiveCamera
from edge.spool.queue import Spool


def own_version() -> str:
    """The version of this package; "unknown" in a folder that was never installed."""
    try:
        return version("doorbell-cluster")
    except PackageNotFoundError:
        return "unknown"


def temperature_celsius() -> float | None:
    """The processor's temperature; None where the system has no sensor."""
    sensors: dict[str, list[Any]] = getattr(psutil, "sensors_temperatures", dict)()
    for name in ("cpu_thermal", "coretemp", "k10temp", *sensors):
        if sensors.get(name):
            return float(sensors[name][0].current)
    return None


@dataclass(frozen=True, slots=True)
class Vitals:
    """Reads the parts of a running agent; never changes them."""

    spool: Spool
    folder: Path
    cameras: Mapping[str, LiveCamera]
    firings: Firings
    started_s: float = field(default_factory=time.monotonic)

    def heartbeat(self) -> dict[str, Any]:
        """The body of a heartbeat."""
        return {
            "version": own_version(),
            "cameras": [{"id": name, "state": state} for name, state in self._states().items()],
            "spool": {"frames": len(self.spool), "bytes": self.spool.bytes, "oldest_seconds": self.spool.oldest_s()},
            "dropped": dict(self.spool.dropped),
            "uptime_seconds": round(time.monotonic() - self.started_s, 1),
            "temperature_celsius": temperature_celsius(),
        }

    def gauges(self) -> Gauges:
        """What goes up and down."""
        spool = self.spool
        return {
            "edge_spool_frames": ("Frames that wait on disk.", float(len(spool))),
            "edge_spool_bytes": ("Bytes of the frames that wait.", float(spool.bytes)),
            "edge_spool_oldest_seconds": ("How long the oldest frame has waited.", spool.oldest_s() or 0.0),
            "edge_disk_free_bytes": ("Free space where the spool is.", self._free()),
            "edge_temperature_celsius": ("The processor's temperature.", temperature_celsius()),
            "edge_cameras_not_well": (
                "Cameras that are black, frozen or failed.",
                float(sum(state not in {"well", "starting"} for state in self._states().values())),
            ),
        }

    def counts(self) -> Counts:
        """What only grows."""
        spool = self.spool
        damage = {"damaged": spool.damaged, "torn": spool.torn, "unreadable": spool.unreadable}
        suppressed: Counter[str] = Counter()
        for (_, reason), count in self.firings.suppressed.items():
            suppressed[reason] += count
        restarts = {name: float(camera.restarts) for name, camera in self.cameras.items()}
        return {
            "edge_triggers": ("Triggers that fired.", "trigger", _floats(self.firings.fired)),
            "edge_triggers_suppressed": ("Triggers held back.", "reason", _floats(suppressed)),
            "edge_frames_dropped": ("Frames that had to go.", "reason", _floats(spool.dropped.copy())),
            "edge_spool_damage": ("Files in the spool that were not whole.", "kind", _floats(damage)),
            "edge_camera_restarts": ("Times a camera was opened again.", "camera", restarts),
        }

    def _states(self) -> dict[str, CameraState]:
        return {name: camera.state for name, camera in self.cameras.items()}

    def _free(self) -> float | None:
        try:
            return float(shutil.disk_usage(self.folder).free)
        except OSError:
            return None


def _floats(counts: Mapping[Any, int]) -> dict[str, float]:
    return {key: float(count) for key, count in counts.items()}
