from __future__ import annotations

import contextlib
import io
import struct
import zlib
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

from samples.frames import at_door
from serve_apps.api.admission import AdmissionLimits, Guesses, Waiting, admit_image
from serve_apps.api.problems import Problem

LIMITS = AdmissionLimits()
SMALL = Image.effect_noise((160, 120), 60)
FORMATS = ("JPEG", "PNG", "WEBP")


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def refused(content: bytes, limits: AdmissionLimits = LIMITS) -> tuple[int, str]:
    with pytest.raises(Problem) as caught:
        admit_image(content, limits)
    return caught.value.status, caught.value.kind


def one_colour_png(side: int) -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    rows = zlib.compress(bytes(side * (side // 8 + 1)), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@pytest.mark.parametrize("kind", FORMATS)
def test_a_whole_image_is_let_in(kind: str) -> None:
    admit_image(encoded(at_door("resident-1.jpg"), kind), LIMITS)


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("share", [0.3, 0.7, 0.98])
def test_an_image_that_ends_too_early_is_refused(kind: str, share: float) -> None:
    content = encoded(SMALL.convert("RGB"), kind)

    status, problem = refused(content[: int(len(content) * share)])

    assert status == 422
    assert problem in ("truncated-image", "undecodable-image")


@pytest.mark.parametrize("progressive", [False, True])
def test_the_end_of_an_embedded_thumbnail_is_not_the_end_of_the_jpeg(progressive: bool) -> None:
    thumbnail = encoded(SMALL, "JPEG")
    exif = b"Exif\x00\x00MM\x00\x2a\x00\x00\x00\x08\x00\x00\x00\x00\x00\x00" + thumbnail
    content = encoded(SMALL, "JPEG", exif=exif, progressive=progressive)

    admit_image(content, LIMITS)
    assert refused(content[:-200]) == (422, "truncated-image")


@pytest.mark.parametrize("progressive", [False, True])
def test_the_pixels_counted_are_those_of_the_picture_not_of_its_thumbnail(progressive: bool) -> None:
    thumbnail = encoded(SMALL.resize((16, 12)), "JPEG")
    exif = b"Exif\x00\x00MM\x00\x2a\x00\x00\x00\x08\x00\x00\x00\x00\x00\x00" + thumbnail
    content = encoded(SMALL, "JPEG", exif=exif, progressive=progressive)

    admit_image(content, AdmissionLimits(pixels=160 * 120))
    assert refused(content, AdmissionLimits(pixels=160 * 120 - 1)) == (422, "too-many-pixels")


def test_padding_before_a_marker_is_part_of_a_jpeg() -> None:
    content = encoded(SMALL, "JPEG")

    admit_image(content[:2] + b"\xff\xff" + content[2:-2] + b"\xff\xff\xd9", LIMITS)


def test_a_jpeg_with_restart_markers_is_whole() -> None:
    admit_image(encoded(SMALL, "JPEG", restart_marker_blocks=4), LIMITS)


def test_the_content_decides_not_a_name_or_header() -> None:
    assert refused(b"this is a text file named face.jpg") == (415, "unsupported-image")
    assert refused(encoded(SMALL, "GIF")) == (415, "unsupported-image")
    assert refused(encoded(SMALL, "BMP")) == (415, "unsupported-image")


def test_an_empty_body_is_named_so() -> None:
    assert refused(b"") == (422, "empty-body")


@pytest.mark.parametrize("magic", [b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF\x08\x00\x00\x00WEBP"])
def test_magic_bytes_alone_are_no_image(magic: bytes) -> None:
    assert refused(magic + b"\x00" * 40)[0] == 422


def test_a_huge_picture_of_one_colour_is_refused_from_its_header() -> None:
    content = one_colour_png(30_000)

    assert len(content) < LIMITS.body_bytes
    assert refused(content) == (422, "too-many-pixels")
    assert refused(content[:60]) == (422, "too-many-pixels")


def test_the_pixel_limit_itself_is_still_let_in() -> None:
    content = encoded(SMALL, "PNG")

    admit_image(content, AdmissionLimits(pixels=160 * 120))
    assert refused(content, AdmissionLimits(pixels=160 * 120 - 1)) == (422, "too-many-pixels")


@pytest.mark.parametrize("kind", ["WEBP", "PNG"])
def test_an_animation_is_refused(kind: str) -> None:
    frames = [Image.new("RGB", (32, 32), colour) for colour in ("red", "blue")]

    content = encoded(frames[0], kind, save_all=True, append_images=frames[1:], duration=100)

    assert refused(content) == (422, "animated-image")


def test_a_telephones_jpeg_with_a_second_picture_behind_it_is_no_animation() -> None:
    content = encoded(SMALL, "MPO", save_all=True, append_images=[SMALL.resize((80, 60))])

    admit_image(content, LIMITS)


@pytest.mark.parametrize("kind", FORMATS)
def test_what_lies_behind_an_image_is_ignored(kind: str) -> None:
    admit_image(encoded(SMALL.convert("RGB"), kind) + b"<html><script>alert(1)</script></html>", LIMITS)


@pytest.mark.parametrize(("mode", "kind"), [("I;16", "PNG"), ("L", "PNG"), ("L", "JPEG"), ("1", "PNG"), ("P", "PNG")])
def test_grey_deep_and_indexed_images_are_let_in(mode: str, kind: str) -> None:
    image = SMALL.convert("I").convert("I;16") if mode == "I;16" else SMALL.convert(mode)

    admit_image(encoded(image, kind), LIMITS)


@pytest.mark.parametrize(("mode", "kind"), [("CMYK", "JPEG"), ("RGBA", "PNG"), ("RGBA", "WEBP"), ("LA", "PNG")])
def test_cmyk_and_alpha_are_let_in(mode: str, kind: str) -> None:
    admit_image(encoded(SMALL.convert("RGB").convert(mode) if mode != "LA" else SMALL.convert("LA"), kind), LIMITS)


WHOLE = [encoded(SMALL.convert("RGB"), kind) for kind in FORMATS]


@given(
    st.one_of(st.binary(max_size=300), st.builds(bytes.__add__, st.sampled_from([w[:12] for w in WHOLE]), st.binary()))
)
@example(b"\xff\xd8\xff\xe1\x00\x02")
def test_arbitrary_bytes_are_refused_with_a_problem_and_nothing_else(content: bytes) -> None:
    with pytest.raises(Problem):
        admit_image(content, LIMITS)


@given(st.sampled_from(WHOLE), st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), max_size=12))
def test_damage_to_an_image_never_raises_anything_but_a_problem(whole: bytes, damage: list[tuple[int, int]]) -> None:
    content = bytearray(whole)
    for place, value in damage:
        content[place % min(len(content), 400)] = value

    with contextlib.suppress(Problem):
        admit_image(bytes(content), LIMITS)


def test_the_request_one_too_many_is_sent_away_until_a_place_is_free() -> None:
    waiting = Waiting(1)
    with waiting.place():
        with pytest.raises(Problem) as caught, waiting.place():
            pass
        assert caught.value.status == 429

    with waiting.place():
        pass


def test_a_request_that_fails_gives_its_place_back() -> None:
    waiting = Waiting(1)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), waiting.place():
            1 / 0  # noqa: B018


def test_wrong_codes_are_heard_again_one_by_one() -> None:
    seconds = [0.0]
    guesses = Guesses(most=2, seconds=10.0, clock=lambda: seconds[0])
    guesses.take()
    guesses.take()
    with pytest.raises(Problem, match="too-many-wrong-codes"):
        guesses.take()

    seconds[0] = 9.9
    with pytest.raises(Problem):
        guesses.take()
    seconds[0] = 10.1
    guesses.take()
    with pytest.raises(Problem):
        guesses.take()


def test_right_codes_take_no_place_of_wrong_ones() -> None:
    guesses = Guesses(most=1, seconds=10.0, clock=lambda: 0.0)

    for _ in range(5):
        guesses.take()
        guesses.give_back()


def test_a_quiet_year_does_not_add_up_to_more_guesses() -> None:
    seconds = [0.0]
    guesses = Guesses(most=2, seconds=10.0, clock=lambda: seconds[0])

    seconds[0] = 1e7
    guesses.take()
    guesses.take()

    with pytest.raises(Problem, match="too-many-wrong-codes"):
        guesses.take()
