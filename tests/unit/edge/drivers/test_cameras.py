from __future__ import annotations

import time
from pathlib import Path

import pytest

from edge.drivers.cameras import live_camera
from edge.errors import CameraFailed, SettingsInvalid
from edge.settings.cameras import OpencvSettings, PicameraSettings, PictureSettings, RtspSettings, VideoSettings

cv2 = pytest.importorskip("cv2")
np = pytest.importorskip("numpy")


def test_a_video_file_is_a_camera(tmp_path: Path) -> None:
    path = tmp_path / "door.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 50, (64, 48))
    for _ in range(5):
        writer.write(np.full((48, 64, 3), 120, np.uint8))
    writer.release()
    settings = VideoSettings(driver="video", id="door", source=path, loop=True, picture=PictureSettings(before_s=1))
    camera = live_camera(settings, lambda _: True)

    picture = camera.capture(time.monotonic())
    camera.close()

    pixels = cv2.imdecode(np.frombuffer(picture.image, np.uint8), cv2.IMREAD_COLOR)
    assert pixels.shape == (48, 64, 3)
    assert picture.face is True


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        (OpencvSettings(driver="opencv", id="door", source="/dev/video99"), "/dev/video99 cannot be opened"),
        (RtspSettings(driver="rtsp", id="door", source="rtsp://127.0.0.1:9/x"), "Connection refused"),
        (PicameraSettings(driver="picamera", id="door"), "picamera2 is not installed"),
        (VideoSettings(driver="video", id="door", source=Path("none.mp4")), "none.mp4 cannot be opened"),
    ],
)
def test_a_camera_that_cannot_be_opened_is_made_and_says_why(
    settings: OpencvSettings, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.pictures.live.FAILED_PATIENCE_S", 0.2)
    camera = live_camera(settings)

    with pytest.raises(CameraFailed, match=reason):
        camera.capture(time.monotonic())
    assert camera.state == "failed"
    camera.close()


def test_an_address_that_is_none_is_said_before_anything_starts() -> None:
    with pytest.raises(SettingsInvalid, match="no RTSP address"):
        live_camera(RtspSettings(driver="rtsp", id="yard", source="http://cam/"))
