"""Who comes, where and when, and who is told how fast."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard, Row

from cluster.monitoring.dashboards.panels import PER, THIRD, WIDE, board, lines, number, quantile, stacked

FACES = "face_recognition_requests_total"
EVENTS = "pipeline_events_total"


def business() -> Dashboard:
    """Visitors by standing, cameras, hours, notices."""
    made = board("doorbell-business", "Doorbell: visitors", "Visitors by standing, cameras, hours, notices.", "now-24h")
    visits = f'sum by (event_type) (increase({EVENTS}{{status="recorded"}}[1h]))'
    faces = f"sum by (result_type) (increase({FACES}[1h]))"
    sure = f"sum by (confidence_bucket) (rate({FACES}[{PER}]))"
    today = "sum(camera_events_today)"
    made = (
        made.with_panel(number("Events today", "short", today, width=THIRD))
        .with_panel(number("Enrolled faces", "short", "max(known_faces_database_size)", width=THIRD))
        .with_panel(
            number("Notices, p95 from the press", "s", quantile(0.95, "press_to_notification_seconds"), width=THIRD)
        )
        .with_row(Row("Visitors"))
        .with_panel(stacked("Visits an hour by verdict", "short", {"{{event_type}}": visits}))
        .with_panel(stacked("Faces an hour by standing", "short", {"{{result_type}}": faces}))
        .with_panel(
            lines(
                "How sure the answers are",
                "cps",
                {"{{confidence_bucket}}": sure},
                says="By distance and margin; docs/monitoring.md has the formula.",
            )
        )
        .with_panel(lines("Cameras, the busiest twenty", "short", {"{{camera}}": _cameras()}))
    )
    return _notices(_hours(made))


def _cameras() -> str:
    return "topk(20, max by (camera) (camera_events_today))"


def _hours(made: Dashboard) -> Dashboard:
    hours = "sum by (time_of_day) (increase(doorbell_triggers_total[1h]))"
    sources = "sum by (trigger_source) (increase(doorbell_triggers_total[1h]))"
    return (
        made.with_row(Row("Hours"))
        .with_panel(stacked("Triggers an hour, by the time of the day", "short", {"{{time_of_day}}": hours}))
        .with_panel(stacked("Triggers an hour, by what triggered", "short", {"{{trigger_source}}": sources}))
    )


def _notices(made: Dashboard) -> Dashboard:
    sent = "sum by (channel, status) (increase(notifications_sent_total[1h]))"
    kinds = "sum by (notification_type) (increase(notifications_sent_total[1h]))"
    press = {
        f"p{round(100 * share)} {{{{channel}}}}": quantile(share, "press_to_notification_seconds", by="channel")
        for share in (0.5, 0.95)
    }
    return (
        made.with_row(Row("Notices"))
        .with_panel(stacked("Notices an hour by channel and end", "short", {"{{channel}} {{status}}": sent}))
        .with_panel(stacked("Notices an hour by verdict", "short", {"{{notification_type}}": kinds}))
        .with_panel(lines("From the press to the notice", "s", press, width=WIDE))
    )
