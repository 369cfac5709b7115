from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.errors import CameraFailed
from edge.pictures.picture import cropped, jpeg_within, reduced, scaled, sharpness
from edge.settings.cameras import CropSettings
from samples.frames import PHOTOS

cv2 = pytest.importorskip("cv2")
np = pytest.importorskip("numpy")


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    return cv2.resize(cv2.imread(str(PHOTOS / "stranger-2.jpg")), (640, 480), interpolation=cv2.INTER_AREA)


def noise(width: int, height: int) -> np.ndarray:
    return np.random.default_rng(width * height).integers(0, 256, (height, width, 3), np.uint8)


def moved(pixels: np.ndarray, length: int, *, upright: bool = False) -> np.ndarray:
    kernel = np.full((length, 1) if upright else (1, length), 1 / length, np.float32)
    grain = np.random.default_rng(length).normal(0, 4, pixels.shape)
    return np.clip(cv2.filter2D(pixels, -1, kernel) + grain, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("name", ["resident-1.jpg", "courier-4.jpg", "barred-2.jpg", "stranger-1.jpg"])
@pytest.mark.parametrize("upright", [False, True])
def test_the_more_a_picture_is_blurred_by_motion_the_less_sharp_it_is(name: str, upright: bool) -> None:
    pixels = cv2.resize(cv2.imread(str(PHOTOS / name)), (1280, 720), interpolation=cv2.INTER_AREA)

    found = [sharpness(moved(pixels, length, upright=upright)) for length in (1, 5, 11, 21)]

    assert found == sorted(found, reverse=True)


def test_a_dark_sharp_picture_is_sharper_than_its_dark_blurred_neighbour(photo: np.ndarray) -> None:
    dark = (photo * 0.3).astype(np.uint8)

    assert sharpness(moved(dark, 1)) > sharpness(moved(dark, 9))


@given(st.integers(1, 3000), st.integers(1, 3000))
@settings(max_examples=25)
def test_a_reduced_picture_is_small_but_not_smaller_than_needed(width: int, height: int) -> None:
    small = reduced(np.zeros((height, width, 3), np.uint8))

    assert min(small.shape[:2]) >= 1
    assert max(small.shape[:2]) >= min(320, max(width, height))
    assert max(small.shape[:2]) < 640 or min(small.shape[:2]) == 1


starts, fractions = st.floats(0, 0.99), st.floats(0, 1)


@given(st.integers(1, 200), st.integers(1, 200), starts, starts, fractions, fractions)
@settings(max_examples=60)
def test_a_crop_lies_in_the_picture_and_is_never_empty(
    width: int, height: int, x: float, y: float, wide: float, high: float
) -> None:
    crop = CropSettings(x=x, y=y, width=max(1e-6, wide * (1 - x)), height=max(1e-6, high * (1 - y)))

    part = cropped(np.zeros((height, width, 3), np.uint8), crop)

    assert 1 <= part.shape[0] <= height
    assert 1 <= part.shape[1] <= width
    assert abs(part.shape[1] - crop.width * width) <= 1.5


def test_a_crop_shows_the_part_it_names() -> None:
    pixels = np.zeros((100, 200, 3), np.uint8)
    pixels[50:75, 100:150] = 255

    part = cropped(pixels, CropSettings(x=0.5, y=0.5, width=0.25, height=0.25))

    assert part.shape == (25, 50, 3)
    assert part.min() == 255


@given(st.integers(1, 900), st.integers(1, 900), st.integers(160, 1000))
@settings(max_examples=40)
def test_scaling_keeps_the_shape_and_never_enlarges(width: int, height: int, longest: int) -> None:
    result = scaled(np.zeros((height, width, 3), np.uint8), longest)

    assert max(result.shape[:2]) == min(longest, max(width, height))
    assert result.shape[0] / height == pytest.approx(result.shape[1] / width, abs=1.0 / min(width, height))


@given(st.integers(16, 320), st.integers(16, 240), st.integers(2_000, 60_000), st.integers(0, 120))
@settings(max_examples=40)
def test_a_jpeg_never_exceeds_its_budget_whatever_the_picture(
    width: int, height: int, max_bytes: int, first: int
) -> None:
    jpeg = jpeg_within(noise(width, height), max_bytes, first)

    assert len(jpeg.image) <= max_bytes
    assert cv2.imdecode(np.frombuffer(jpeg.image, np.uint8), cv2.IMREAD_COLOR) is not None


@given(st.integers(40_000, 150_000), st.integers(40, 95))
@settings(max_examples=25)
def test_the_quality_is_the_best_that_fits_wherever_the_search_begins(max_bytes: int, first: int) -> None:
    pixels = cv2.resize(cv2.imread(str(PHOTOS / "barred-2.jpg")), (640, 480))

    jpeg = jpeg_within(pixels, max_bytes, first)

    sizes = {q: len(cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, q])[1]) for q in range(40, 100, 5)}
    assert jpeg.quality == max(quality for quality, size in sizes.items() if size <= max_bytes)


def test_a_picture_that_no_quality_fits_is_scaled_down(photo: np.ndarray) -> None:
    jpeg = jpeg_within(photo, 5_000)

    height, width = cv2.imdecode(np.frombuffer(jpeg.image, np.uint8), cv2.IMREAD_COLOR).shape[:2]
    assert len(jpeg.image) <= 5_000
    assert width < 640
    assert width / height == pytest.approx(4 / 3, rel=0.02)


def test_a_budget_that_no_picture_can_keep_is_one_clear_error(photo: np.ndarray) -> None:
    with pytest.raises(CameraFailed, match="max_bytes"):
        jpeg_within(photo, 100)


def test_the_modules_of_pictures_import_no_opencv_before_the_first_one() -> None:
    import subprocess
    import sys

    code = "import sys, edge.pictures.live, edge.pictures.faces, edge.drivers.cameras; sys.exit('cv2' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[4], check=False)
    assert done.returncode == 0
