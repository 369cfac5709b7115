"""The application `watch` of Serve's config: `cluster.watch_app:watch`. What is looked at, and how often."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from ray.serve import Application
from sqlalchemy import Engine

from cluster.deployment.golden import GoldenSet
from cluster.deployment.history import History
from cluster.monitoring import disk_history
from cluster.monitoring.meter import Meter
from cluster.security.devices import DeviceStore
from serve_apps.database import connect
from serve_apps.faces import Standing, Verdict
from serve_apps.load.facts import Facts
from serve_apps.replica import meter
from serve_apps.settings import Settings, load
from serve_apps.watch import machine
from serve_apps.watch.deployments import Serving, WatchReplica
from serve_apps.watch.fleet import Fleet, cameras
from serve_apps.watch.golden import GoldenFrame, GoldenFrames, GoldenLooks
from serve_apps.watch.household import Household
from serve_apps.watch.parts import SELDOM_SECONDS, Gauges, Part, Watching, fresh
from serve_apps.watch.serving import Releases, Rollout, Workers, running_releases
from serve_apps.watch.trail import Trail


def watch(_: dict[str, str]) -> Application:
    """Everything that nobody's request shows."""
    deployment: Any = WatchReplica
    bound: Application = deployment.bind(build)
    return bound


def build(serving: Serving) -> Watching:
    """The watch of one replica; without any part where instrumentation is off."""
    settings, numbers = load(), meter()
    if settings.instrumentation == "off":
        return Watching([], numbers)
    engine = connect(settings.database_url)
    parts = [*in_the_database(settings, engine, numbers), *on_the_machine(settings, engine, numbers)]
    return Watching([*parts, *of_the_cluster(settings, engine, serving, numbers)], numbers)


def in_the_database(settings: Settings, engine: Engine, numbers: Meter) -> list[Part]:
    """People, notices, cameras, devices, and who did what."""
    devices = DeviceStore(engine).all

    def household(gauges: Gauges) -> Household:
        return Household(engine, gauges, _now, settings.zone)

    def by_camera(gauges: Gauges) -> Callable[[], None]:
        return partial(household(gauges).cameras, lambda: cameras(devices()))

    return [
        Part("counts", fresh(numbers, lambda gauges: household(gauges).counts)),
        Part("cameras", fresh(numbers, by_camera), SELDOM_SECONDS),
        Part("devices", fresh(numbers, lambda gauges: Fleet(devices, gauges, _now).look)),
        Part("trail", Trail(engine, numbers).look),
    ]


def on_the_machine(settings: Settings, engine: Engine, numbers: Meter) -> list[Part]:
    """Disks, certificates, clock."""
    places = machine.mounts(settings.folder)
    return [
        Part("disks", fresh(numbers, lambda gauges: partial(machine.disks, places, gauges))),
        Part("disk history", partial(note_disks, settings.folder, tuple(places.values())), SELDOM_SECONDS),
        Part(
            "certificates",
            fresh(numbers, lambda gauges: partial(machine.certificates, settings.certificate_files, gauges)),
            SELDOM_SECONDS,
        ),
        Part("clock", fresh(numbers, lambda gauges: partial(machine.clock, engine, gauges)), SELDOM_SECONDS),
    ]


def note_disks(data: Path, places: Sequence[Path]) -> None:
    """For the forecast of `doorbell diagnose`. Raises OSError."""
    disk_history.note(disk_history.history_file(data), disk_history.free_bytes(places), _now().timestamp())


def of_the_cluster(settings: Settings, engine: Engine, serving: Serving, numbers: Meter) -> list[Part]:
    """Replicas, releases, and what recognizers answer to golden frames."""
    newest = partial(newest_rollout, engine)

    def releases(gauges: Gauges) -> Callable[[], None]:
        found = Releases(serving.applications, Facts(engine, _now).read, newest, gauges)
        return lambda: found.look(_now().timestamp())

    parts = [
        Part("workers", fresh(numbers, lambda gauges: Workers(serving.applications, gauges).look)),
        Part("releases", fresh(numbers, releases)),
    ]
    if minutes := settings.watch_golden_minutes:
        read, running = partial(golden_frames, settings), lambda: running_releases(serving.applications())

        def golden(gauges: Gauges) -> Callable[[], None]:
            return GoldenLooks(read, running, serving.examine, gauges).look

        parts.append(Part("golden", fresh(numbers, golden), 60 * minutes))
    return parts


def newest_rollout(engine: Engine) -> Rollout | None:
    """Raises SQLAlchemyError."""
    found = next(iter(History(engine).newest(1)), None)
    return Rollout(found.step.value, found.updated_at.timestamp()) if found else None


def golden_frames(settings: Settings) -> GoldenFrames:
    """As a rollout would use them. Raises GoldenError."""
    from cluster.cli.golden import golden_folder

    found = GoldenSet(golden_folder(settings))
    people = {each.name: (Standing(each.standing), tuple(map(found.read, each.photos))) for each in found.golden.people}
    frames = [
        GoldenFrame(found.read(each.file), Verdict(each.verdict), tuple(sorted(each.who)))
        for each in found.golden.frames
    ]
    return GoldenFrames(found.name, people, frames)


def _now() -> datetime:
    return datetime.now(UTC)
