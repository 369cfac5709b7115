"""Blue against green: what each release gets, and how it does with that."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard, Row

from cluster.monitoring.dashboards.panels import (
    PER,
    QUARTER,
    THIRD,
    board,
    lines,
    number,
    quantile,
    stacked,
    states,
)

EVENTS = "pipeline_events_total"
DURATION = "pipeline_processing_duration_seconds"


def releases() -> Dashboard:
    """Weights, rollouts, and each release's requests, errors, time, distances and accuracy."""
    made = board("doorbell-releases", "Doorbell: releases", "Blue against green, side by side.", "now-3h")
    weight = {"{{release}} {{colour}}": "max by (release, colour) (release_weight)"}
    since = "time() - max(rollout_step_started_timestamp_seconds) or vector(0)"
    right = {"{{model_version}}": "min by (model_version) (face_recognition_accuracy)"}
    return _compared(
        made.with_panel(stacked("Share of the traffic", "percent", weight))
        .with_panel(states("State of the newest rollout", {"{{state}}": "max by (state) (rollout_state)"}))
        .with_panel(number("In its state since", "s", since, width=QUARTER))
        .with_panel(number("Lowest accuracy", "percentunit", "min(face_recognition_accuracy)", width=QUARTER))
        .with_panel(lines("Golden frames answered rightly", "percentunit", right, says="An alert comes below 85 %."))
    )


def _compared(made: Dashboard) -> Dashboard:
    def share(which: str) -> str:
        some = f"sum by (release) (rate({EVENTS}{{{which}}}[{PER}])) or 0 * {_all()}"
        return f"({some}) / {_all()}"

    slow, usual = (quantile(each, DURATION, 'stage="total"', "release") for each in (0.99, 0.5))
    stages = quantile(0.5, DURATION, 'stage=~"detect|align|embed|match"', "release, stage")
    near = quantile(0.5, "face_match_distance", by="release, standing")
    return (
        made.with_row(Row("Side by side"))
        .with_panel(lines("Requests", "reqps", {"{{release}}": _all()}, width=THIRD))
        .with_panel(lines("p99 and median", "s", {"p99 {{release}}": slow, "median {{release}}": usual}, width=THIRD))
        .with_panel(lines("Frames that failed", "percentunit", {"{{release}}": share('status="failed"')}, width=THIRD))
        .with_panel(
            lines("Unknown visitors", "percentunit", {"{{release}}": share('event_type="unknown"')}, width=THIRD)
        )
        .with_panel(lines("Median distance of faces", "short", {"{{release}} {{standing}}": near}, width=THIRD))
        .with_panel(lines("Median of each stage", "s", {"{{release}} {{stage}}": stages}, width=THIRD))
    )


def _all() -> str:
    return f"sum by (release) (rate({EVENTS}[{PER}]))"
