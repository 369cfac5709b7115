from __future__ import annotations

from pathlib import Path
from threading import Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.drivers.device import shown
from edge.drivers.rtsp import _OPTIONS, Backlog, RtspSource, address_of, open_rtsp
from edge.errors import CameraFailed, SettingsInvalid
from edge.settings.cameras import RtspSettings

cv2 = pytest.importorskip("cv2")
np = pytest.importorskip("numpy")


def settings(**told: object) -> RtspSettings:
    return RtspSettings(driver="rtsp", id="yard", **told)


class Stream:
    """Stands in for cv2.VideoCapture: pictures that come `delay_s` after their own time, or at once from a buffer."""

    def __init__(self, now: list[float], own_times: list[float], delay_s: float) -> None:
        self._now, self._times, self._delay_s, self.own_s = now, iter(own_times), delay_s, 0.0

    def grab(self) -> bool:
        self.own_s = next(self._times)
        self._now[0] = max(self._now[0], self.own_s + self._delay_s)
        return True

    def get(self, what: int) -> float:
        assert what == cv2.CAP_PROP_POS_MSEC
        return self.own_s * 1000


def source_of(stream: Stream, now: list[float]) -> RtspSource:
    return RtspSource("rtsp://yard", stream, clock=lambda: now[0])


def test_what_lay_in_the_buffer_while_nobody_read_is_passed_over() -> None:
    now = [0.0]
    stream = Stream(now, [number / 10 for number in range(100)], delay_s=0.3)
    source = source_of(stream, now)
    source.grab()
    now[0] += 3.0

    source.grab()

    assert now[0] - 0.3 - stream.own_s <= 0.25
    source.grab()
    assert now[0] - 0.3 - stream.own_s <= 0.25


def test_a_stream_whose_clock_begins_again_goes_on_after_two_seconds() -> None:
    now = [0.0]
    stream = Stream(now, [100 + number / 10 for number in range(20)] + [number / 10 for number in range(300)], 5.0)
    source = source_of(stream, now)
    for _ in range(20):
        source.grab()
    stream._delay_s += 102.0

    source.grab()
    before = stream.own_s
    source.grab()

    assert before <= 2.3
    assert stream.own_s == pytest.approx(before + 0.1)


@given(st.lists(st.floats(0, 0.2), min_size=2, max_size=60), st.floats(-1e4, 1e4))
def test_jitter_alone_is_no_backlog(delays: list[float], offset_s: float) -> None:
    backlog = Backlog()

    found = [backlog.behind_s(number / 10 + offset_s, number / 10 + delay) for number, delay in enumerate(delays)]

    assert max(found) <= 0.2 + 1e-6
    assert min(found) >= -1e-6


def test_a_camera_whose_clock_is_slow_by_a_thousandth_never_seems_behind() -> None:
    backlog = Backlog()

    assert max(backlog.behind_s(second * 0.999, float(second)) for second in range(100_000)) < 0.01


@pytest.mark.parametrize(
    ("address", "logged"),
    [
        ("rtsp://me:secret@10.0.0.7:554/live", "rtsp://10.0.0.7:554/live"),
        ("rtsp://me:se@cret@cam/live?pass=secret", "rtsp://cam/live"),
        ("rtsp://cam:554/user=me_password=secret_channel=1.sdp", "rtsp://cam:554/…"),
        ("rtsp://me:12/secret@cam/live", "rtsp://me:12/…"),
        ("rtsps://cam", "rtsps://cam"),
        ("/dev/video0", "/dev/video0"),
    ],
)
def test_an_address_is_shown_without_what_is_secret(address: str, logged: str) -> None:
    assert shown(address) == logged


def test_the_address_may_come_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "url").write_text("rtsp://me:secret@cam/live\n")

    assert address_of(settings(url_file=tmp_path / "url")) == "rtsp://me:secret@cam/live"


@pytest.mark.parametrize(
    "address", ["", "secret", "http://me:secret@cam/", "rtsp://", "rtsp://cam:secret/", "rtsp://[x/"]
)
def test_an_address_that_is_none_is_one_clear_error_that_does_not_quote_it(tmp_path: Path, address: str) -> None:
    (tmp_path / "url").write_text(address)

    with pytest.raises(SettingsInvalid, match="yard") as error:
        address_of(settings(url_file=tmp_path / "url"))
    assert "secret" not in str(error.value)


def test_a_file_that_vanished_is_a_failed_camera(tmp_path: Path) -> None:
    with pytest.raises(CameraFailed, match="cannot read"):
        open_rtsp(settings(url_file=tmp_path / "none"))


def test_a_camera_where_nobody_listens_is_one_clear_error_without_the_password() -> None:
    with pytest.raises(CameraFailed, match=r"no camera at rtsp://127.0.0.1:9/live: Connection refused") as error:
        open_rtsp(settings(source="rtsp://me:secret@127.0.0.1:9/live", silence_s=2))
    assert "secret" not in str(error.value)


def test_cameras_with_the_same_options_open_together_and_others_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(_OPTIONS._NAME, raising=False)
    order = []

    def other() -> None:
        with _OPTIONS.held("udp"):
            order.append("udp")

    with _OPTIONS.held("tcp"):
        with _OPTIONS.held("tcp"):
            order.append("tcp")
        thread = Thread(target=other)
        thread.start()
        thread.join(0.05)
        order.append("tcp ends")
    thread.join()

    assert order == ["tcp", "tcp ends", "udp"]
