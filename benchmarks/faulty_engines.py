"""Engines that are good but for one fault, for what a rollout does about it. See `doorbell bench release`."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil

from cluster.releases.folder import Release
from serve_apps.faces import Face, Image
from serve_apps.recognition.decode import Picture
from serve_apps.recognition.engine import Engine
from serve_apps.recognition.released import engine_of
from serve_apps.recognition.sessions import Provider

SOON_SECONDS = 3.0
"""Ray Serve takes a replica for well that was so once; this is longer than its start."""

LATER_SECONDS = 30.0
"""Longer than a rollout proves a release before traffic comes."""

TIMES_SLOWER = 5
LEAKED_BYTES = 4_000_000
"""With each picture."""


class Faulty:
    """The packaged engine; `fault` is called with every picture before it is looked at."""

    def __init__(self, sound: Engine, fault: Callable[[Sequence[Picture]], None]) -> None:
        self._sound = sound
        self._fault = fault
        self.space = sound.space
        self.batches = sound.batches

    def faces(self, image: Image) -> list[Face]:
        """As the sound engine does, if the fault lets it."""
        return self.faces_of_many([Picture.of(image)])[0]

    def faces_of_many(self, pictures: Sequence[Picture]) -> list[list[Face]]:
        """As the sound engine does, if the fault lets it."""
        self._fault(pictures)
        return self._sound.faces_of_many(pictures)


def no_constructor(release: Release, cache_folder: Path, provider: Provider) -> Engine:
    """Raises RuntimeError."""
    raise RuntimeError("the graph of this engine cannot be built")


def not_in_a_replica(release: Release, cache_folder: Path, provider: Provider) -> Engine:
    """As an engine whose libraries a node lacks: sound outside of Serve's replicas. Raises RuntimeError."""
    if any("ServeReplica" in part for part in psutil.Process().cmdline()):
        return no_constructor(release, cache_folder, provider)
    return _sound(release, cache_folder, provider)


def fails_soon(release: Release, cache_folder: Path, provider: Provider) -> Engine:
    """Sound for SOON_SECONDS."""
    return _fails_after(SOON_SECONDS, _sound(release, cache_folder, provider))


def fails_later(release: Release, cache_folder: Path, provider: Provider) -> Engine:
    """Sound for LATER_SECONDS."""
    return _fails_after(LATER_SECONDS, _sound(release, cache_folder, provider))


def slow(release: Release, cache_folder: Path, provider: Provider) -> Engine:
    """Right, and TIMES_SLOWER slower."""
    sound = _sound(release, cache_folder, provider)

    def again(pictures: Sequence[Picture]) -> None:
        for _ in range(TIMES_SLOWER - 1):
            sound.faces_of_many(pictures)

    return Faulty(sound, again)


def leaks(release: Release, cache_folder: Path, provider: Provider) -> Engine:
    """Holds LEAKED_BYTES more after every picture."""
    held: list[bytes] = []
    return Faulty(
        _sound(release, cache_folder, provider),
        lambda pictures: held.extend(b"\1" * LEAKED_BYTES for _ in pictures),
    )


def _fails_after(seconds: float, sound: Engine) -> Engine:
    ends_at = time.monotonic() + seconds

    def fail(_: Sequence[Picture]) -> None:
        if time.monotonic() > ends_at:
            raise RuntimeError(f"this engine is broken {seconds:g} s after its start")

    return Faulty(sound, fail)


def _sound(release: Release, cache_folder: Path, provider: Provider) -> Engine:
    manifest = release.manifest.model_copy(update={"engine": "yunet-dlib"})
    return engine_of(dataclasses.replace(release, manifest=manifest), cache_folder, provider)
