"""A log record as fields."""

from __future__ import annotations

import json
import logging

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from cluster.monitoring.journey import Journey, begun
from cluster.monitoring.log_lines import JsonLines, without_secrets

FRAME = "6f9619ff-8b86-4d01-b42d-00cf4fc964ff"


def line(form: str, *arguments: object, known: dict[str, object] | None = None, **record: object) -> dict:
    made = logging.LogRecord("serve_apps.api.failover", logging.WARNING, "", 0, form, arguments, None)
    made.__dict__.update(record)
    return json.loads(JsonLines(lambda: known or {}).format(made))


def test_a_line_in_our_form_has_a_name_and_a_field_for_each_key() -> None:
    told = line("recognizer.no_answer name=%s camera=%s took=%.1f: %s", "recognizer-blue", "porch", 1.25, "away")

    assert told["event"] == "recognizer.no_answer"
    assert (told["name"], told["camera"], told["took"]) == ("recognizer-blue", "porch", 1.25)
    assert told["message"] == "recognizer.no_answer name=recognizer-blue camera=porch took=1.2: away"
    assert (told["level"], told["logger"]) == ("warning", "serve_apps.api.failover")


def test_a_line_in_another_form_is_told_whole() -> None:
    assert line("%d%% of %s", 5, "it")["event"] == "5% of it"


def test_keys_that_mean_something_else_here_get_other_names() -> None:
    told = line("x.y trace=%s event=%s level=%s", "t", "e", 3)

    assert (told["trace_id"], told["event_id"], told["level_"], told["level"]) == ("t", "e", 3, "warning")


def test_every_line_of_a_request_says_which_frame_it_is_about() -> None:
    with begun() as journey:
        journey.frame_id, journey.camera_id, journey.release = FRAME, "porch", "usual"
        told = line("a.b", known={"request_id": "r1"})

    assert (told["frame_id"], told["camera"], told["release"]) == (FRAME, "porch", "usual")
    assert (told["trace_id"], told["request_id"]) == (FRAME.replace("-", ""), "r1")


def test_what_a_caller_says_of_a_frame_takes_nothing_from_what_the_process_knows() -> None:
    names = Journey(frame_id=FRAME, camera_id="porch").names()
    with structlog.contextvars.bound_contextvars(**names), begun():
        told = line("a.b", known={"release": "usual"})

    assert (told["frame_id"], told["camera"], told["trace_id"]) == (FRAME, "porch", FRAME.replace("-", ""))
    assert told["release"] == "usual"


def test_what_a_line_says_itself_comes_first() -> None:
    with begun() as journey, structlog.contextvars.bound_contextvars(camera="garden"):
        journey.camera_id = "porch"

        assert line("a.b camera=%s", "cellar")["camera"] == "cellar"


@pytest.mark.parametrize(
    ("secret", "text"),
    [
        ("k" * 43, f"the key db_0123456789ab_{'k' * 43} is old"),
        ("hunter2", "postgresql://doorbell:hunter2@db/doorbell refused"),
        ("T0KEN", "slack://T0KEN/B1/C2 did not answer"),
        ("abcdef", "GET https://hooks.example/x?code=abcdef"),
        ("s3cret", "{'Authorization': 'Bearer s3cret'}"),
        ("opensesame", "passphrase=opensesame"),
        ("Anna", 'unique constraint "people_name_key"\nDETAIL: Key (name)=(Anna Smith) already exists.'),
        ("Anna", "[SQL: INSERT]\n[parameters: ('id', 'Anna Smith')]"),
        ("0.0123", "embedding [0.0123, -0.1, 0.5, 1e-3, 0.25, 0.75, -0.125, 0.0625, 0.03125]".replace("1e-3", "0.001")),
        ("x01x01", "sealed b'" + "x01" * 40 + "'"),
    ],
)
def test_secrets_and_rows_are_cut_out(secret: str, text: str) -> None:
    assert secret in text
    assert secret not in without_secrets(text)


def test_a_keys_id_and_plain_addresses_stay() -> None:
    text = "db_0123456789ab at http://127.0.0.1:8000/api/v1/frames by sqlite:////data/doorbell.db"

    assert without_secrets(text) == text


def test_a_traceback_is_cleaned_too() -> None:
    error = ValueError("password=opensesame")
    told = line("a.failed", exc_info=(type(error), error, None))

    assert "ValueError" in told["exception"]
    assert "opensesame" not in json.dumps(told)


@given(st.text(), st.lists(st.text() | st.integers() | st.none()))
def test_any_text_is_one_line_of_json(form: str, values: list[object]) -> None:
    text = JsonLines(dict).format(logging.LogRecord("a", 20, "", 0, form.replace("%", "%%"), (), None))
    told = JsonLines(dict).format(logging.LogRecord("a", 20, "", 0, "x.y v=%s", (values,), None))

    assert "\n" not in text + told
    assert json.loads(text)["level"] == json.loads(told)["level"] == "info"
