from __future__ import annotations

from collections.abc import Callable

import pytest
from structlog.testing import capture_logs

from edge.camera import Frame
from edge.report import LoggedOutcomes


@pytest.mark.parametrize(("status", "level"), [(401, "error"), (403, "error"), (503, "warning"), (None, "warning")])
def test_a_refused_key_is_an_error_and_a_busy_gateway_a_warning(
    a_frame: Callable[..., Frame], status: int | None, level: str
) -> None:
    with capture_logs() as lines:
        LoggedOutcomes().waiting(a_frame(), {"title": "no", "status": status}, 1.0)

    assert [(line["event"], line["log_level"]) for line in lines] == [("frame.waiting", level)]
