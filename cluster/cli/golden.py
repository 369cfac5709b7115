"""The golden frames of a data folder; those of the samples where it has none yet."""

from __future__ import annotations

from pathlib import Path

from cluster.deployment.golden import Golden, GoldenFrame, GoldenPerson, write
from serve_apps.settings import Settings


def golden_folder(settings: Settings) -> Path:
    """The folder of golden frames; those of the samples where none are named and there are none yet."""
    folder = settings.golden_folder
    if not settings.release_golden and not (folder / "golden.json").exists():
        from samples.frames import FRAMES, PEOPLE

        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        files = {path.name: path.read_bytes() for person in PEOPLE for path in person.paths}
        frames = []
        for number, frame in enumerate(FRAMES, 1):
            path = frame.write(folder, number)
            frames.append(GoldenFrame(file=path.name, verdict=frame.verdict, who=tuple(sorted(frame.who))))
        people = tuple(
            GoldenPerson(name=each.name, standing=each.standing, photos=tuple(path.name for path in each.paths))
            for each in PEOPLE
        )
        write(folder, Golden(version="samples-1", people=people, frames=tuple(frames)), files)
    return folder
