"""What a replica does around its building."""

from __future__ import annotations

import ctypes
import logging
import os
from collections.abc import Iterator
from logging.handlers import MemoryHandler
from pathlib import Path

import pytest

from benchmarks.processes import private_written_kb
from serve_apps.replica import log_with_serve, lose_lines_quietly, return_freed_memory


def held_kb() -> int:
    return private_written_kb(Path(f"/proc/{os.getpid()}/smaps_rollup").read_text())


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="the C library keeps what is freed")
def test_memory_that_was_freed_below_what_is_still_used_goes_back_to_the_system() -> None:
    blocks = [os.urandom(4_000) for _ in range(10_000)]
    above = [os.urandom(4_000) for _ in range(10)]
    del blocks
    kept = held_kb()

    return_freed_memory()

    assert kept - held_kb() > 20_000
    assert len(above) == 10


@pytest.fixture
def serve_log(tmp_path: Path) -> Iterator[Path]:
    """The file of a logger that keeps its lines for later, as Serve's does, with nothing of it left behind."""
    loggers = [logging.getLogger(name) for name in ("ray.serve", "serve_apps")]
    before = [(logger.handlers[:], logger.level, logger.propagate) for logger in loggers]
    file = logging.FileHandler(tmp_path / "replica.log")
    loggers[0].handlers[:] = [MemoryHandler(1000, target=file)]
    loggers[1].handlers.clear()
    yield tmp_path / "replica.log"
    file.close()
    for logger, (handlers, level, propagate) in zip(loggers, before, strict=True):
        logger.handlers[:], logger.propagate = handlers, propagate
        logger.setLevel(level)


def test_what_the_application_logs_is_in_serves_file_at_once_and_once(serve_log: Path) -> None:
    log_with_serve()
    log_with_serve()

    logging.getLogger("serve_apps.notifications.courier").info("device.back id=%s", "abc")

    assert serve_log.read_text() == "device.back id=abc\n"


class IntoTheLog:
    """Standard error as Serve has it in a replica: each line goes into the log. It ends what would have no end."""

    lines = 0

    def write(self, text: str) -> None:
        self.lines += 1
        if self.lines < 200:
            logging.getLogger("ray.serve").warning(text)


def test_a_full_disk_loses_a_line_and_makes_no_others_of_it(
    serve_log: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "full.log").symlink_to("/dev/full")
    kept = logging.getLogger("ray.serve").handlers[0]
    assert isinstance(kept, MemoryHandler)
    kept.setTarget(logging.FileHandler(tmp_path / "full.log"))
    monkeypatch.setattr(logging, "raiseExceptions", True)
    monkeypatch.setattr("sys.stderr", into := IntoTheLog())
    log_with_serve()
    lose_lines_quietly()

    logging.getLogger("serve_apps.api.failover").warning("recognizer.no_answer name=%s", "blue")

    assert (into.lines, kept.buffer) == (0, [])
