"""Weights for a share of the traffic, when a camera always goes to one release. Pure.

The gateway chooses by weighted rendezvous hashing (serve_apps/api/routing.py; a test holds this module to it): a camera
goes to the canary from a certain ratio of the weights on. With few cameras a share of one percent would often hold none
of them; so the weight is chosen that gives the share or, at the least, one camera.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping

PARTS = 10_000
"""The sum of both weights."""


def weight_for(percent: float, requests: Mapping[str, int], canary: str, live: str) -> int:
    """Of PARTS, for so many percent of these requests by camera; both recognizers by their application's name."""
    wanted = max(1, min(PARTS, round(percent * PARTS / 100)))
    if wanted == PARTS or not requests:
        return wanted
    needed, carried = percent / 100 * sum(requests.values()), 0
    for camera in sorted(requests, key=lambda camera: _ratio(camera, canary, live)):
        carried += requests[camera]
        if carried >= needed - 1e-9:
            ratio = _ratio(camera, canary, live)
            return min(PARTS - 1, math.floor(PARTS * ratio / (1 + ratio)) + 1)
    return wanted


def _ratio(camera_id: str, canary: str, live: str) -> float:
    """Of the canary's weight to the live one's, above which the camera is the canary's."""
    return math.log(_drawn(canary, camera_id)) / math.log(_drawn(live, camera_id))


def _drawn(name: str, camera_id: str) -> float:
    digest = hashlib.blake2b(f"{name}\0{camera_id}".encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return ((int.from_bytes(digest, "big") >> 12) + 0.5) / 2**52
