from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from cluster.monitoring.error_counts import ErrorCounts
from cluster.monitoring.logs import FILE_ONLY
from tests.noted import Noted


class OddError(OSError):
    """A class that is in no list, of one that is."""


@pytest.fixture
def noted() -> Iterator[Noted]:
    noted = Noted()
    logger, handler = logging.getLogger("serve_apps"), ErrorCounts(noted)
    level = logger.level
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    yield noted
    logger.removeHandler(handler)
    logger.setLevel(level)


def test_warnings_and_errors_are_counted_by_who_logs_them_and_lines_below_are_not(noted: Noted) -> None:
    log = logging.getLogger("serve_apps.notifications.courier")
    log.info("notice.delivered")
    log.warning("notice.refused")
    log.critical("all is lost")

    assert noted.counted == {
        ("errors_total", "courier", "other", "warning"): 1,
        ("errors_total", "courier", "other", "critical"): 1,
    }


def test_the_type_is_the_exceptions_or_that_of_the_nearest_base_in_the_list(noted: Noted) -> None:
    log = logging.getLogger("serve_apps.gallery.keeper")
    log.error("gallery.index_not_tended", exc_info=OddError())
    log.error("gallery.embedding_unreadable face=%s: %s", "7", ValueError("odd"))
    log.warning("recognizer.no_answer name=%s: %s", "blue", "TimeoutError: 5 s")

    assert [key[2] for key in noted.counted] == ["OSError", "ValueError", "TimeoutError"]


def test_an_error_of_the_database_is_the_databases_whoever_logs_it(noted: Noted) -> None:
    logging.getLogger("serve_apps.load.recorder").warning("load.not_written rows=%d: %s", 3, "OperationalError")

    assert noted.counted == {("errors_total", "database", "OperationalError", "warning"): 1}


def test_a_frame_that_failed_is_counted_where_it_failed_and_not_once_more_by_its_own_line(noted: Noted) -> None:
    log = logging.getLogger("serve_apps.api.problems")
    log.error("request.failed route=%s: %s", "/api/v1/frames", TimeoutError())
    log.warning("frame.answered status=%s", "failed", extra=FILE_ONLY)

    assert noted.counted == {("errors_total", "gateway", "TimeoutError", "error"): 1}
