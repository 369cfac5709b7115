from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from edge.camera import Frame, checked_camera_id
from edge.errors import CameraIdInvalid

FrameMaker = Callable[..., Frame]


@pytest.mark.parametrize("text", ["door", "0", "Front-Door_2.b", "a" * 64])
def test_a_plain_name_is_a_camera_id(text: str) -> None:
    assert checked_camera_id(text) == text


@pytest.mark.parametrize("text", ["", "a/b", "../x", "-a", ".a", "a b", "tür", "a\n", "a" * 65])
def test_anything_else_is_an_error_of_one_line_that_says_what_is_allowed(text: str) -> None:
    with pytest.raises(CameraIdInvalid) as error:
        checked_camera_id(text)

    assert "\n" not in str(error.value)
    assert "letters, digits" in str(error.value)


@pytest.mark.parametrize(
    "wrong",
    [
        {"camera_id": "a/b"},
        {"frame_id": "../../etc/passwd"},
        {"frame_id": uuid.uuid4().hex},
        {"captured_at": datetime(2026, 3, 1)},
    ],
)
def test_a_frame_that_no_gateway_accepts_cannot_be_made(a_frame: FrameMaker, wrong: dict[str, Any]) -> None:
    with pytest.raises((CameraIdInvalid, ValueError)):
        dataclasses.replace(a_frame(), **wrong)
