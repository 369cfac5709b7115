"""An RTSP server that shows pictures in turn: `python -m tests.rtsp_server --port P FOLDER_OR_IMAGE…`.

Each frame carries its number as a bar code, so that whoever reads it knows how old it is: frame n is sent at
`started_s` + n / `fps` on the monotonic clock, which all processes of a machine share. One line of JSON on stdout says
so as soon as the server listens; the stream is at rtsp://127.0.0.1:P/stream, over UDP only. It runs until it is killed.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from itertools import cycle, islice, pairwise
from pathlib import Path

import cv2
import numpy as np

BITS = 16
BAR_HEIGHT = 32
IMAGES = {".jpg", ".jpeg", ".png", ".webp"}


def with_number(pixels: np.ndarray, number: int) -> np.ndarray:
    """A copy with the number in binary along the upper edge, white for one, the highest bit first."""
    marked = pixels.copy()
    for bit, (left, right) in enumerate(bars(pixels.shape[1])):
        marked[:BAR_HEIGHT, left:right] = 235 if number >> (BITS - 1 - bit) & 1 else 20
    return marked


def number_in(pixels: np.ndarray) -> int:
    """The number that `with_number` wrote, whatever the picture's size is now."""
    height = max(1, BAR_HEIGHT * pixels.shape[0] // 480 // 2)
    number = 0
    for left, right in bars(pixels.shape[1]):
        quarter = (right - left) // 4
        number = number << 1 | int(pixels[:height, left + quarter : right - quarter].mean() > 128)
    return number


def bars(width: int) -> Iterator[tuple[int, int]]:
    edges = [width * bit // BITS for bit in range(BITS + 1)]
    return pairwise(edges)


def images_in(places: Iterable[Path], width: int, height: int) -> list[np.ndarray]:
    """Every image, as large as fits, before a grey wall."""
    files = [
        file
        for place in places
        for file in (sorted(place.iterdir()) if place.is_dir() else [place])
        if file.suffix.lower() in IMAGES
    ]
    return [_fitted(cv2.imread(str(file)), width, height) for file in files]


def _fitted(pixels: np.ndarray, width: int, height: int) -> np.ndarray:
    wall = np.full((height, width, 3), 140, np.uint8)
    factor = min(width / pixels.shape[1], (height - BAR_HEIGHT) / pixels.shape[0])
    size = (int(pixels.shape[1] * factor), int(pixels.shape[0] * factor))
    left = (width - size[0]) // 2
    wall[height - size[1] :, left : left + size[0]] = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    return wall


def access_units(frames: Iterable[np.ndarray], width: int, height: int, fps: int) -> list[bytes]:
    """H.264 in Annex B, one item a frame, a key frame with its parameter sets every second."""
    import imageio_ffmpeg

    told = f"-f rawvideo -pix_fmt bgr24 -s {width}x{height} -r {fps} -i -".split()
    coded = f"-c:v libx264 -preset ultrafast -tune zerolatency -pix_fmt yuv420p -x264-params keyint={fps}:aud=1".split()
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", *told, *coded, "-crf", "20", "-f", "h264", "-"]
    encoded = subprocess.run(
        command, input=b"".join(map(np.ndarray.tobytes, frames)), stdout=subprocess.PIPE, check=True
    )
    delimiter = b"\0\0\0\1\x09"
    return [delimiter + unit for unit in encoded.stdout.split(delimiter)[1:]]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("places", type=Path, nargs="+", help="folders or images")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--fps", type=int, default=10)
    parser.add_argument("--size", default="640x480")
    parser.add_argument("--each-s", type=float, default=1.0, help="how long each picture is shown")
    parser.add_argument("--frames", type=int, default=300, help="then it begins again, with number 0")
    told = parser.parse_args()
    width, height = map(int, told.size.split("x"))
    images = images_in(told.places, width, height)
    shown = (image for image in cycle(images) for _ in range(max(1, round(told.each_s * told.fps))))
    numbered = (with_number(image, number) for number, image in enumerate(islice(shown, told.frames)))
    units = access_units(numbered, width, height, told.fps)
    serve(units, told.port, told.fps)


def serve(units: list[bytes], port: int, fps: int) -> None:
    import rtsp

    server = rtsp.Server(f"127.0.0.1:{port}")
    server.start()
    started_s = time.monotonic()
    print(json.dumps({"started_s": started_s, "fps": fps, "frames": len(units)}), flush=True)
    for number, unit in enumerate(cycle(units)):
        time.sleep(max(0.0, started_s + number / fps - time.monotonic()))
        server.send_frame(unit, 90_000 // fps)


if __name__ == "__main__":
    sys.exit(main())
