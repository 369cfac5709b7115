from __future__ import annotations

import json
import logging
import sys
from pathlib import Path

import pytest
import structlog

from edge.log import log_to_stderr


def test_a_log_that_cannot_be_written_stops_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    log_to_stderr(as_json=True, level=logging.INFO)
    full = Path("/dev/full").open("w")  # noqa: SIM115 - closing it fails
    monkeypatch.setattr(sys, "stderr", full)

    structlog.get_logger().info("frame.taken")

    with pytest.raises(OSError, match="No space left"):
        full.close()


def test_what_went_wrong_is_in_the_line_that_tells_it(capsys: pytest.CaptureFixture[str]) -> None:
    log_to_stderr(as_json=True, level=logging.INFO)
    try:
        _ = {}["the sensor"]
    except KeyError:
        structlog.get_logger().exception("trigger.failed")

    (line,) = capsys.readouterr().err.splitlines()
    assert "KeyError: 'the sensor'" in json.loads(line)["exception"]


def test_all_loggers_share_one_stream_and_so_one_lock() -> None:
    log_to_stderr(as_json=True, level=logging.INFO)
    make = structlog.get_config()["logger_factory"]

    assert make()._file is make()._file
