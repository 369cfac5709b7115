"""What an operator sees first: is it well, which part is not, since when."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard, Row

from cluster.monitoring.dashboards.panels import (
    PER,
    THIRD,
    board,
    chosen,
    lines,
    number,
    quantile,
    stacked,
    states,
)

EVENTS = "pipeline_events_total"
DURATION = "pipeline_processing_duration_seconds"
TOTAL = 'stage="total",release=~"$release"'


def operations() -> Dashboard:
    """Golden signals by stage and release, replicas against forecast, queues, saturation."""
    made = board(
        "doorbell-operations", "Doorbell: operations", "Rate, errors, duration and saturation; look here first."
    )
    made = made.with_variable(chosen("release", f"{DURATION}_count", "release"))
    return _saturation(_replicas(_signals(made)))


def _signals(made: Dashboard) -> Dashboard:
    failed = f'(sum(rate({EVENTS}{{status="failed"}}[{PER}])) or vector(0))'
    good = f'sum(rate({DURATION}_bucket{{{TOTAL},le="0.05"}}[{PER}])) / sum(rate({DURATION}_count{{{TOTAL}}}[{PER}]))'
    firing = 'count(ALERTS{alertstate="firing"}) or vector(0)'
    for panel in (
        number("Alerts that fire", "short", firing, [(1, "red")], width=THIRD),
        number(
            "Frames that failed", "percentunit", f"{failed} / sum(rate({EVENTS}[{PER}]))", [(0.001, "red")], width=THIRD
        ),
        number("Answered within 50 ms", "percentunit", good, width=THIRD, says="99 % is promised."),
    ):
        made = made.with_panel(panel)
    slow, usual = (quantile(share, DURATION, TOTAL, "release") for share in (0.99, 0.5))
    stages = 'stage!="total",release=~"$release"'
    errors = f"sum by (component, error_type, severity) (rate(errors_total[{PER}]))"
    return (
        made.with_row(Row("Golden signals"))
        .with_panel(stacked("Posted frames by what became of them", "reqps", {"{{status}}": _by("status")}))
        .with_panel(lines("Answer time by release", "s", {"p99 {{release}}": slow, "median {{release}}": usual}))
        .with_panel(lines("p99 of each stage", "s", {"{{stage}}": quantile(0.99, DURATION, stages, "stage")}))
        .with_panel(
            lines(
                "Median of each stage",
                "s",
                {"{{stage}}": quantile(0.5, DURATION, stages, "stage")},
                says="recognize holds decode to match.",
            )
        )
        .with_panel(lines("Warnings and errors", "cps", {"{{component}} {{error_type}} {{severity}}": errors}))
        .with_panel(lines("Who may do what", "short", {"{{event_type}} {{action_taken}}": _security()}))
    )


def _replicas(made: Dashboard) -> Dashboard:
    counts = {
        "{{application}} run": "max by (application) (autoscaling_running_replicas)",
        "{{application}} wanted": "max by (application) (autoscaling_wanted_replicas)",
    }
    forecast = {"{{application}} forecast": "max by (application) (autoscaling_forecast_requests_per_second)"}
    slots = "min by (worker_type, worker_id) (pipeline_worker_health)"
    return (
        made.with_row(Row("Replicas and queues"))
        .with_panel(lines("Replicas: wanted, and those that run", "short", counts))
        .with_panel(lines("Load and forecast", "reqps", {"posted": f"sum(rate({EVENTS}[{PER}]))"} | forecast))
        .with_panel(
            states("Workers", {"{{worker_id}}": slots}, says="0: the slot is wanted and no replica runs in it.")
        )
        .with_panel(lines("What waits", "short", {"{{queue_name}}": "sum by (queue_name) (pipeline_queue_size)"}))
    )


def _saturation(made: Dashboard) -> Dashboard:
    memory = "100 * system_memory_usage_bytes / system_memory_total_bytes"
    used = {"{{mount_point}}": "max by (mount_point) (system_disk_usage_percent)"}
    free = {"{{mount_point}}": "min by (mount_point) (system_disk_free_bytes)"}
    days = {"{{file}}": "(min by (file) (certificate_expiry_timestamp_seconds) - time()) / 86400"}
    skew = {"{{reference}}": "max by (reference) (clock_skew_seconds)"}
    return _itself(
        made.with_row(Row("Saturation"))
        .with_panel(lines("Processors", "percent", {"{{instance}}": "system_cpu_usage_percent"}, width=THIRD))
        .with_panel(lines("Memory", "percent", {"{{instance}}": memory}, width=THIRD))
        .with_panel(lines("Clocks: ours minus another", "s", skew, width=THIRD))
        .with_panel(lines("Disks", "percent", used, width=THIRD))
        .with_panel(lines("Room left", "bytes", free, width=THIRD))
        .with_panel(lines("Days until a certificate ends", "d", days, width=THIRD))
    )


def _itself(made: Dashboard) -> Dashboard:
    lost = f"sum(rate(telemetry_dropped_total[{PER}])) or vector(0)"
    late = "time() - max by (part) (watch_part_timestamp_seconds)"
    fresh = {"p99": quantile(0.99, "enrolment_freshness_seconds")}
    return (
        made.with_row(Row("The rest"))
        .with_panel(number("Sessions", "short", "sum(user_sessions_active)", says="Keys that ask, and open streams."))
        .with_panel(number("Telemetry lost", "cps", lost, [(0.01, "orange")]))
        .with_panel(lines("Until a change of the gallery is known", "s", fresh))
        .with_panel(lines("Last round of the watch", "s", {"{{part}}": late}))
        .with_panel(lines("Targets that are scraped", "short", {"{{job}}": "sum by (job) (up)"}))
    )


def _by(label: str) -> str:
    return f'sum by ({label}) (rate({EVENTS}{{release=~"$release|none"}}[{PER}]))'


def _security() -> str:
    return f"sum by (event_type, action_taken) (increase(security_events_total[{PER}]))"
