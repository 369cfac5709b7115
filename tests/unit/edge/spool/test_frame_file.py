from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge.camera import Frame
from edge.errors import Damaged, SpoolUnusable
from edge.spool.frame_file import decode, encode, header_of, read_header
from edge.spool.key import SpoolKey
from edge.spool.queue import Spool

FrameMaker = Callable[..., Frame]
KEY = SpoolKey(b"k" * 32)


def digest(data: bytes) -> bytes:
    return sha256(data).hexdigest().encode()


def file_of_the_first_format(frame: Frame) -> bytes:
    names = ("frame_id", "camera_id", "trigger", "media_type", "label")
    fields = {"format": 1, "captured_at": frame.captured_at.isoformat()}
    header = json.dumps(fields | {name: getattr(frame, name) for name in names}).encode()
    return b"\n".join((header, digest(header + b"\n" + frame.image), frame.image))


def file_of_the_future() -> bytes:
    header = b'{"format": 3, "news": true}'
    return header + b"\n" + digest(header) + b"\nwhatever"


@pytest.mark.parametrize("key", [None, KEY])
def test_a_frame_comes_back_with_every_field(a_frame: FrameMaker, key: SpoolKey | None) -> None:
    frame = replace(a_frame(b"\n\nimage\n", "a\nb.jpg"), face=True, boot_id="boot", boot_s=17.25, trigger="motion")

    assert decode(encode(frame, 3.5, key), key) == frame


def test_the_header_alone_tells_what_a_spool_needs_to_open(a_frame: FrameMaker) -> None:
    header = header_of(encode(replace(a_frame(), face=False), 3.5, KEY)[:2048])

    assert header.verified
    assert (header.face, header.running_s, header.key) == (False, 3.5, KEY.fingerprint)
    assert header.text("camera_id") == "front-door"


def test_a_long_label_does_not_hide_the_header(tmp_path: Path, a_frame: FrameMaker) -> None:
    file = tmp_path / "frame"
    file.write_bytes(encode(a_frame(b"x" * 100, "l" * 5000)))

    assert read_header(file)[0].verified


def test_a_flipped_byte_in_a_header_is_not_believed(a_frame: FrameMaker) -> None:
    data = encode(replace(a_frame(), face=True), 3.5)
    header = header_of(data.replace(b'"running_s": 3.5', b'"running_s": 9.5'))

    assert (header.verified, header.running_s, header.face) == (False, None, None)


def test_a_frame_of_the_first_format_is_still_sent(tmp_path: Path, a_frame: FrameMaker) -> None:
    frame = a_frame(b"old\nimage", "a.jpg")
    data = file_of_the_first_format(frame)
    (tmp_path / f"000000000007-{frame.frame_id}.frame").write_bytes(data)

    assert decode(data) == frame
    with pytest.raises(Damaged):
        decode(data[:-1])
    with Spool(tmp_path) as spool:
        (entry,) = spool.entries()
        assert (entry.camera_id, entry.trigger, entry.face) == ("front-door", "button", None)
        assert spool.read(entry) == frame
        assert spool.take(a_frame(), 0.0).number == 8


def test_a_frame_of_a_newer_format_is_never_called_damaged(tmp_path: Path, a_frame: FrameMaker) -> None:
    file = tmp_path / f"000000000001-{a_frame().frame_id}.frame"
    file.write_bytes(file_of_the_future())

    with pytest.raises(SpoolUnusable, match="newer version"):
        decode(file_of_the_future())
    with pytest.raises(SpoolUnusable, match="newer version ; update doorbell-edge"):
        Spool(tmp_path)
    assert file.exists()


def test_a_newer_format_with_a_wrong_checksum_is_damage(tmp_path: Path) -> None:
    with pytest.raises(Damaged):
        decode(file_of_the_future().replace(b"true", b"flse"))


def test_a_checked_file_that_describes_no_frame_is_damage() -> None:
    header = b'{"format": 2, "frame_id": "no"}'
    with pytest.raises(Damaged, match="header"):
        decode(b"\n".join((header, digest(header), digest(header + b"\nbody"), b"body")))


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at=st.integers(0, 2000), bits=st.integers(1, 255), encrypted=st.booleans())
def test_any_flipped_byte_is_damage(a_frame: FrameMaker, at: int, bits: int, encrypted: bool) -> None:
    key = KEY if encrypted else None
    data = bytearray(encode(a_frame(b"i" * 300), 1.0, key))
    data[at % len(data)] ^= bits

    with pytest.raises(Damaged):
        decode(bytes(data), key)


@given(data=st.binary(max_size=300))
def test_no_bytes_are_a_frame_by_chance(data: bytes) -> None:
    with pytest.raises(Damaged):
        decode(data)


def test_the_image_cannot_be_read_on_the_disk_of_a_box_with_a_key(a_frame: FrameMaker) -> None:
    frame = a_frame(b"the visitor's face")
    first, second = encode(frame, 0.0, KEY), encode(frame, 0.0, KEY)

    assert b"visitor" not in first
    assert first != second
    with pytest.raises(SpoolUnusable, match="another key"):
        decode(first)


def test_an_encrypted_image_under_another_header_is_damage_even_with_right_checksums(a_frame: FrameMaker) -> None:
    data = encode(a_frame(), 0.0, KEY)
    header, _, _, body = data.split(b"\n", 3)
    other = header.replace(b"front-door", b"attic-door")

    with pytest.raises(Damaged, match="tag"):
        decode(b"\n".join((other, digest(other), digest(other + b"\n" + body), body)), KEY)
