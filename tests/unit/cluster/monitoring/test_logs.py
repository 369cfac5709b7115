"""Loggers that write JSON into a file."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.monitoring.frame_lines import logged
from cluster.monitoring.journey import begun
from cluster.monitoring.logs import Writer, log_to_files, plainly

NAMES = ("test_of_logs", "cluster.monitoring.frame_lines")


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    loggers = [logging.getLogger(name) for name in NAMES]
    before = [(logger.handlers[:], logger.level, logger.propagate) for logger in loggers]
    yield tmp_path
    for logger, (handlers, level, propagate) in zip(loggers, before, strict=True):
        for handler in set(logger.handlers) - set(handlers):
            handler.close()
        logger.handlers[:], logger.propagate = handlers, propagate
        logger.setLevel(level)


def lines(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "gateway-1.jsonl").read_text().splitlines()]


def test_a_logger_and_those_below_it_write_once(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        log_to_files(NAMES, Writer(folder, "gateway-1", lambda: {"application": "gateway"}), print)

    logging.getLogger("test_of_logs.below").info("device.back id=%s", "abc")

    (told,) = lines(folder)
    assert (told["event"], told["id"], told["application"]) == ("device.back", "abc", "gateway")
    assert json.loads(capfd.readouterr().out) == told


def test_a_frame_has_a_line_in_the_file_alone(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    log_to_files(NAMES, Writer(folder, "gateway-1"), print)
    with begun() as journey:
        journey.frame_id, journey.camera_id, journey.status, journey.verdict = "f1", "porch", "recorded", "known"
        journey.finish([logged])

    (told,) = lines(folder)
    assert (told["event"], told["frame_id"], told["camera"]) == ("frame.answered", "f1", "porch")
    assert (told["status"], told["verdict"], told["level"]) == ("recorded", "known", "info")
    assert "message" not in told  # its fields say it all, and a busy door writes many
    assert told["milliseconds"] >= 0
    assert capfd.readouterr().out == ""


def test_what_goes_into_anothers_log_has_its_traceback_and_no_secret() -> None:
    error = ValueError("password=opensesame")
    told = (type(error), error, None)
    record = logging.LogRecord("a", 40, "", 0, "round.failed by=%s", ("slack://T0KEN/x",), told)

    text = plainly(record).getMessage()

    assert text.startswith("round.failed by=slack://…\nValueError")
    assert "opensesame" not in text
