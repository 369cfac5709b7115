from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from edge import wiring
from edge.camera import Frame
from edge.errors import FrameTooLarge
from edge.listener import Listener
from edge.settings import EdgeSettings, SpoolSettings
from edge.spool.key import make_spool_key
from edge.wiring import agent_of, spool_of
from tests.unit.edge.conftest import FrameMaker


def settings(folder: Path, **gateway: Any) -> EdgeSettings:
    (folder / "images").mkdir()
    (folder / "images" / "a.jpg").write_bytes(b"image")
    told = {
        "gateway": {"url": "http://127.0.0.1:1", "first_retry_s": 2.0, "longest_retry_s": 7.0, **gateway},
        "cameras": [{"id": "films", "driver": "replay", "folder": str(folder / "images")}],
        "spool": {"folder": str(folder / "spool"), "newest_first_after_s": 33.0},
        "health": {"heartbeat_s": None},
    }
    return EdgeSettings.model_validate(told)


def test_a_spool_with_a_key_shows_nobody_the_picture(tmp_path: Path, a_frame: FrameMaker) -> None:
    make_spool_key(tmp_path / "key")
    frame: Frame = a_frame(image=b"a face at the door")

    with spool_of(SpoolSettings(folder=tmp_path / "spool", key_file=tmp_path / "key")) as spool:
        entry = spool.take(frame, time.monotonic())
        assert b"a face" not in entry.path.read_bytes()
        assert spool.read(entry) == frame


def test_every_limit_of_the_settings_is_one_of_the_spool(tmp_path: Path, a_frame: FrameMaker) -> None:
    told = SpoolSettings(folder=tmp_path, max_bytes=5000, max_frames=2, max_set_aside=3, max_age_s=60)

    with spool_of(told) as spool:
        assert (spool.limits.max_bytes, spool.limits.max_frames) == (5000, 2)
        assert (spool.limits.max_set_aside, spool.limits.max_age_s) == (3, 60)
        with pytest.raises(FrameTooLarge):
            spool.take(a_frame(image=bytes(5000)), time.monotonic())


def test_what_the_settings_say_of_the_line_reaches_those_who_use_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: dict[str, Any] = {}

    class KnownGateway(wiring.Gateway):
        def __init__(self, *parts: Any, **options: Any) -> None:
            told.update(options)
            super().__init__(*parts, **options)

    class KnownUploader(wiring.Uploader):
        def __init__(self, *parts: Any, **options: Any) -> None:
            told.update(options)
            super().__init__(*parts, **options)

    monkeypatch.setenv("DOORBELL_EDGE_KEY", "key")
    monkeypatch.setattr(wiring, "Gateway", KnownGateway)
    monkeypatch.setattr(wiring, "Uploader", KnownUploader)

    with agent_of(settings(tmp_path, bytes_per_second=12_345), Listener()):
        assert told["bytes_per_second"] == 12_345
        assert told["newest_first_after_s"] == 33.0
        assert (told["backoff"].first_s, told["backoff"].longest_s) == (2.0, 7.0)


def test_a_part_that_cannot_be_opened_closes_those_before_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOORBELL_EDGE_KEY", "key")
    told = settings(tmp_path)

    def broken(*_: Any) -> None:
        raise RuntimeError("no lights")

    with monkeypatch.context() as patch:
        patch.setattr(wiring, "feedback_of", broken)
        with pytest.raises(RuntimeError), agent_of(told, Listener()):
            pass

    # The lock of the spool is free again.
    with agent_of(told, Listener()):
        pass
