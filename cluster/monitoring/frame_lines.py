"""A line in the log for each posted frame: what a trace or a metric leads to."""

from __future__ import annotations

import logging

from cluster.monitoring.journey import Journey
from cluster.monitoring.logs import FILE_ONLY

log = logging.getLogger(__name__)


def logged(journey: Journey) -> None:
    """Frame, camera, release and trace come by themselves: the journey is the current one."""
    took = {stage.name: round(stage.seconds * 1000, 1) for stage in journey.stages}
    log.log(
        logging.WARNING if journey.status == "failed" else logging.INFO,
        "frame.answered status=%s verdict=%s problem=%s trigger=%s milliseconds=%s recognize_milliseconds=%s",
        journey.status,
        journey.verdict,
        journey.error,
        journey.trigger,
        took.get("total"),
        took.get("recognize"),
        extra=FILE_ONLY,
    )
