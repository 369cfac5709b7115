"""The boxes at the doors."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard, Row

from cluster.monitoring.dashboards.panels import HALF, THIRD, WIDE, board, chosen, lines, number, stacked, states


def edge_fleet() -> Dashboard:
    """Who is silent, what waits, and whose clock is wrong."""
    made = board(
        "doorbell-edge", "Doorbell: boxes at the doors", "Who is silent, what waits, whose clock is off.", "now-6h"
    )
    made = made.with_variable(chosen("device", "edge_device_last_seen_timestamp_seconds", "device"))
    silent = 'sum(edge_devices{state="silent"})'
    waiting = _of("edge_device_spool_frames", "sum")
    return (
        made.with_panel(number("Silent boxes", "short", silent, [(1, "red")], width=THIRD))
        .with_panel(number("Frames that wait", "short", waiting, [(100, "orange")], width=THIRD))
        .with_panel(
            number(
                "Last word of the quietest", "s", f"max(time() - {_each('last_seen_timestamp_seconds')})", width=THIRD
            )
        )
        .with_row(Row("Each box"))
        .with_panel(stacked("Boxes by state", "short", {"{{state}}": "max by (state) (edge_devices)"}, width=HALF))
        .with_panel(states("Heard", {"{{device}}": f"1 - {_each('silent')}"}, says="0: three heartbeats are missing."))
        .with_panel(lines("Frames that wait", "short", {"{{device}}": _each("spool_frames")}))
        .with_panel(lines("Frames given up", "short", {"{{device}}": _each("dropped_frames")}))
        .with_panel(lines("Clock: the cluster's minus the box's", "s", {"{{device}}": _each("clock_offset_seconds")}))
        .with_panel(lines("Temperature", "celsius", {"{{device}}": _each("temperature_celsius")}))
        .with_panel(
            lines("Last heartbeat", "s", {"{{device}}": f"time() - {_each('last_seen_timestamp_seconds')}"}, width=WIDE)
        )
    )


def _each(what: str) -> str:
    return f'max by (device) (edge_device_{what}{{device=~"$device"}})'


def _of(metric: str, how: str) -> str:
    return f'{how}(max by (device) ({metric}{{device=~"$device"}}))'
