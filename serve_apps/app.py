"""The composition root: the only place that names concretes.

Serve's config names `gateway`, `recognizer`, `courier` and `forecaster`. Each `build_…` runs inside its replica, and
imports what only that replica needs, so that a gateway does not carry the recognizer's libraries in its memory.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field
from ray.serve import Application

from cluster.releases.manifest import NAME
from cluster.security.api_keys import KeyCheck, KeyStore
from cluster.security.device_codes import DeviceCodes
from cluster.security.devices import DeviceStore
from cluster.security.keyring import Keyring, master_key
from serve_apps.api.deployments import GatewayReplica, Recognizers
from serve_apps.database import connect
from serve_apps.gallery.crops import crops_at
from serve_apps.gallery.store import Gallery
from serve_apps.load.deployments import ForecasterReplica
from serve_apps.load.facts import Facts
from serve_apps.notifications.deployments import CourierReplica
from serve_apps.recognition.deployments import RecognizerReplica
from serve_apps.recognition.registered import DEFAULT_RELEASE
from serve_apps.replica import meter
from serve_apps.settings import Settings, load

if TYPE_CHECKING:
    from fastapi import FastAPI
    from sqlalchemy import Engine as SqlEngine

    from serve_apps.api.gauges import Asked
    from serve_apps.api.parts import Parts
    from serve_apps.events.recent import RecentFrames
    from serve_apps.load.counts import LoadCounts
    from serve_apps.load.forecaster import Forecaster
    from serve_apps.load.outlook import Outlook
    from serve_apps.load.service_time import ServiceTime
    from serve_apps.notifications.courier import Courier
    from serve_apps.pipeline import Pipeline
    from serve_apps.recognition.recognizer import Recognizer


class RecognizerArgs(BaseModel):
    """`args` in the Serve config: another release is another replica.

    With `digest` (of the release's manifest) it is this one and no other of its name.
    """

    model_config = ConfigDict(extra="forbid")

    release: str = Field(DEFAULT_RELEASE, pattern=NAME)
    digest: str | None = Field(None, pattern=r"^[0-9a-f]{64}$")


def gateway(_: dict[str, str]) -> Application:
    """HTTP in."""
    return _application(GatewayReplica, build_gateway)


def recognizer(args: dict[str, str]) -> Application:
    """Blue or green. Raises ValidationError for arguments other than RecognizerArgs."""
    build = partial(build_recognizer, RecognizerArgs.model_validate(args))
    return _application(RecognizerReplica, build, build_outlook)


def courier(_: dict[str, str]) -> Application:
    """Notices out."""
    return _application(CourierReplica, build_courier)


def forecaster(_: dict[str, str]) -> Application:
    """Load in, forecasts out."""
    return _application(ForecasterReplica, build_forecaster)


def _application(deployment: Any, *builds: Callable[..., object]) -> Application:
    bound: Application = deployment.bind(*builds)
    return bound


def now() -> datetime:
    """The clock of a process."""
    return datetime.now(UTC)


def build_gallery(settings: Settings) -> Gallery:
    """The gallery with its keyring and crops."""
    assert settings.master_key_file is not None
    keyring = Keyring(connect(settings.keyring_url), master_key(settings.master_key_file))
    return Gallery(connect(settings.database_url), keyring, crops_at(settings.crops_url))


def build_recognizer(args: RecognizerArgs) -> Recognizer:
    """Engine, rules and gallery of one replica, as its release says; warm."""
    from serve_apps.gallery.archive import Archive
    from serve_apps.gallery.index import GalleryIndex
    from serve_apps.gallery.keeper import Keeper
    from serve_apps.gallery.reembed import Reembedding
    from serve_apps.recognition.recognizer import Recognizer
    from serve_apps.recognition.registered import fetched_release, released_engine
    from serve_apps.recognition.released import rules_of

    settings = load()
    release = fetched_release(settings, args.release, args.digest)
    engine = released_engine(settings, release)
    gallery = build_gallery(settings)
    archive = Archive(settings.index_folder, gallery, engine.space)
    index = GalleryIndex(gallery, engine.space, archive, Reembedding(gallery, engine).complete)
    Keeper(index, archive).start()
    timed = settings.instrumentation == "on"
    return Recognizer(engine, index, rules_of(release), release.manifest.name, timed=timed)


def build_outlook(application: str, service: ServiceTime, start_s: float) -> Outlook:
    """What a recognizer replica knows of the load to come, from now on."""
    from serve_apps.load.outlook import Outlook

    outlook = Outlook(Facts(connect(load().database_url), now).read, application, service, start_s)
    outlook.start()
    return outlook


def build_forecaster() -> Forecaster:
    """The forecaster of one replica."""
    from serve_apps.load.forecaster import Forecaster
    from serve_apps.load.rushes_file import WatchedRushes
    from serve_apps.load.store import LoadStore

    settings = load()
    engine = connect(settings.database_url)
    rushes = WatchedRushes(settings.rushes_file)
    return Forecaster(LoadStore(engine), Facts(engine, now), rushes, lambda: now().timestamp())


def build_gateway(recognizers: Recognizers) -> FastAPI:
    """The HTTP application of one gateway replica."""
    from serve_apps.api.admission import AdmissionLimits, Guesses, Waiting
    from serve_apps.api.application import application
    from serve_apps.api.gauges import Asked
    from serve_apps.api.parts import Parts
    from serve_apps.events.sampling import Sampling
    from serve_apps.events.store import EventStore
    from serve_apps.gallery.enroll import EnrolLimits

    settings = load()
    engine = connect(settings.database_url)
    io = ThreadPoolExecutor(4, thread_name_prefix="io")
    asked = Asked(recognizers.recognize)
    limits = AdmissionLimits(settings.max_body_bytes, settings.max_pixels, settings.max_waiting, settings.body_seconds)
    gallery = build_gallery(settings)
    recent = _recent(settings, gallery)
    parts = Parts(
        pipeline=_pipeline(settings, engine, asked, io),
        events=EventStore(engine),
        gallery=gallery,
        keys=KeyCheck(KeyStore(engine)),
        devices=DeviceStore(engine),
        codes=DeviceCodes(engine),
        guesses=Guesses(),
        examine=recognizers.examine,
        trial=recognizers.try_out,
        replay=recognizers.replay,
        recent=recent,
        sampling=Sampling(recent.keep, io.submit, settings.recent_frames_rate),
        not_ready=recognizers.missing,
        clock=now,
        enrol=EnrolLimits(),
        limits=limits,
        load=_load(settings, engine, recognizers, io),
        waiting=Waiting(limits.waiting),
        streams=Waiting(100),
        io=io,
    )
    return application(_measured(parts, settings, asked))


def _measured(parts: Parts, settings: Settings, asked: Asked) -> Parts:
    """With who is told of each posted frame's journey, where instrumentation is on."""
    from serve_apps.api.gauges import show_gauges
    from serve_apps.listeners import of_journeys

    if settings.instrumentation == "off":
        return parts
    numbers = meter()
    show_gauges(numbers, parts, asked)
    return replace(parts, meter=numbers, finished=of_journeys(numbers, settings.zone))


def _load(settings: Settings, engine: SqlEngine, recognizers: Recognizers, io: ThreadPoolExecutor) -> LoadCounts:
    """Counts of posted frames, written from now on beside the routing that the gateway obeys and tries that failed."""
    from serve_apps.events.failures import Failures
    from serve_apps.load.counts import LoadCounts
    from serve_apps.load.recorder import recording

    recognizers.tell_failures(Failures(engine, io.submit).note)
    counts = LoadCounts(settings.camera_patterns)
    recorder = recording(counts, engine, now)
    recognizers.tell_routing(lambda routing: recorder.obeyed(routing.model_dump(mode="json")))
    return counts


def _recent(settings: Settings, gallery: Gallery) -> RecentFrames:
    """Recent frames as the settings want them, kept within their limits from now on, and crops as the gallery does."""
    from serve_apps.events.recent import RecentFrames, RecentLimits
    from serve_apps.gallery.owed import remove_owed
    from serve_apps.hourly import hourly

    most = settings.recent_frames if settings.recent_frames_rate else 0
    limits = RecentLimits(most, timedelta(days=settings.recent_frames_days))
    recent = RecentFrames(gallery.database, gallery.keyring, crops_at(settings.recent_frames_url), limits, now)
    hourly({"recent frames": recent.prune, "crops": lambda: remove_owed(gallery, now())})
    return recent


def _pipeline(settings: Settings, engine: SqlEngine, recognize: Asked, io: ThreadPoolExecutor) -> Pipeline:
    from serve_apps.events.store import EventStore
    from serve_apps.notifications.rules_file import WatchedRules
    from serve_apps.pipeline import Pipeline

    return Pipeline(
        engine=engine,
        events=EventStore(engine),
        rules=WatchedRules(settings.notices_file),
        recognize=recognize,
        readers=io,
        writer=ThreadPoolExecutor(1, thread_name_prefix="writer"),
    )


def build_courier() -> Courier:
    """The courier of one replica."""
    from serve_apps.listeners import of_notices
    from serve_apps.notifications.channels import LogChannel
    from serve_apps.notifications.courier import Courier
    from serve_apps.notifications.outbox import Outbox
    from serve_apps.notifications.rules_file import WatchedRules

    settings = load()
    engine = connect(settings.database_url)
    rules, notices_log = WatchedRules(settings.notices_file), LogChannel(settings.notices_log)
    return Courier(Outbox(engine), rules, notices_log, now, DeviceStore(engine).turned, meter(), of_notices(meter()))
