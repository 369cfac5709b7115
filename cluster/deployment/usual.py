"""How long answers used to take at each camera, before a release came. Pure.

The pictures of one door may take three times as long as those of another, and a camera always goes to one release:
side by side the releases differ by their cameras. Each answer is therefore measured by what 99 of 100 answers at its
own camera took no longer than before.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from cluster.deployment.judge import LEAST_ANSWERS, percentile


class Usual:
    """Of the live release's `milliseconds`, with the camera of each."""

    def __init__(self, milliseconds: Sequence[float], cameras: Sequence[str]) -> None:
        by_camera: defaultdict[str, list[float]] = defaultdict(list)
        for each, camera in zip(milliseconds, cameras, strict=True):
            by_camera[camera].append(each)
        enough = {camera: values for camera, values in by_camera.items() if len(values) >= LEAST_ANSWERS}
        self._by_camera = {camera: percentile(values, 99) for camera, values in enough.items()}
        self._of_all = percentile(milliseconds, 99) if len(milliseconds) >= LEAST_ANSWERS else None

    def of(self, cameras: Sequence[str]) -> list[float]:
        """Milliseconds for each: those of all cameras where its own answers were too few, nothing where all were."""
        if self._of_all is None:
            return []
        return [self._by_camera.get(camera, self._of_all) for camera in cameras]
