from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from cluster.security.api_keys import KeyCheck, KeyStore, Scope
from cluster.security.device_codes import DeviceCodes
from cluster.security.devices import DeviceStore
from cluster.security.keyring import Keyring
from samples.frames import PEOPLE
from serve_apps.api.admission import AdmissionLimits, Guesses, Waiting
from serve_apps.api.application import application
from serve_apps.api.parts import Parts
from serve_apps.database import connect
from serve_apps.events.recent import RecentFrames, RecentLimits
from serve_apps.events.sampling import Sampling
from serve_apps.events.store import EventStore
from serve_apps.gallery.crops import FolderCrops
from serve_apps.gallery.enroll import EnrolLimits
from serve_apps.gallery.index import GalleryIndex
from serve_apps.gallery.store import Gallery
from serve_apps.load.counts import LoadCounts
from serve_apps.notifications.outbox import Outbox
from serve_apps.notifications.rules import Rules
from serve_apps.pipeline import Pipeline
from serve_apps.recognition.engine import YunetDlib
from serve_apps.recognition.match import MatchRules
from serve_apps.recognition.recognizer import Recognizer

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@dataclass
class Door:
    """The application on stores of its own, with the real engine on one thread in the place of Ray's handles."""

    parts: Parts
    keys: KeyStore
    outbox: Outbox
    missing: list[str] = field(default_factory=list)

    @property
    def app(self) -> FastAPI:
        return application(self.parts)

    def key(self, *scopes: Scope) -> str:
        return self.keys.create("test", frozenset(scopes), NOW)

    def client(self, *scopes: Scope) -> TestClient:
        """A client whose key has these scopes; without any it has no key."""
        headers = {"X-API-Key": self.key(*scopes)} if scopes else {}
        return TestClient(self.app, raise_server_exceptions=False, headers=headers)

    def limited(self, **limits: Any) -> Door:
        """The same application with other limits."""
        changed = replace(self.parts.limits, **limits)
        return replace(self, parts=replace(self.parts, limits=changed, waiting=Waiting(changed.waiting)))

    def enrol_samples(self) -> None:
        client = self.client(Scope.PEOPLE)
        for person in PEOPLE:
            for path in person.paths:
                wish = {"subject": person.name, "standing": person.standing}
                answer = client.post("/api/v1/recognition/faces", params=wish, content=path.read_bytes())
                assert answer.status_code == 201, answer.text


@pytest.fixture(scope="session")
def engine_thread() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1, thread_name_prefix="engine") as pool:
        yield pool


@pytest.fixture
def door(engine: YunetDlib, engine_thread: ThreadPoolExecutor, migrated: Path, tmp_path: Path) -> Iterator[Door]:
    shutil.copy(migrated, tmp_path / "doorbell.db")
    database, keyring = connect(f"sqlite:///{tmp_path}/doorbell.db"), connect(f"sqlite:///{tmp_path}/keyring.db")
    gallery = Gallery(database, Keyring(keyring, bytes(32)), FolderCrops(tmp_path / "crops"))
    recognizer = Recognizer(engine, GalleryIndex(gallery, engine.space), MatchRules(), "release-1")

    def on_thread(call: Callable[..., Any]) -> Callable[..., Any]:
        async def ask(*arguments: Any) -> Any:
            return await asyncio.get_running_loop().run_in_executor(engine_thread, call, *arguments)

        return ask

    io, writer, events = ThreadPoolExecutor(4), ThreadPoolExecutor(1), EventStore(database)
    recognize = on_thread(lambda frame, version: recognizer.recognize(frame.image, version))
    missing: list[str] = []

    async def not_ready() -> str | None:
        return next(iter(missing), None)

    limits = AdmissionLimits(waiting=4)
    recent = RecentFrames(database, gallery.keyring, FolderCrops(tmp_path / "recent"), RecentLimits(), lambda: NOW)
    parts = Parts(
        pipeline=Pipeline(database, events, Rules, recognize, io, writer),
        events=events,
        gallery=gallery,
        keys=KeyCheck(KeyStore(database), seconds=0.0),
        devices=DeviceStore(database),
        codes=DeviceCodes(database),
        guesses=Guesses(most=3, seconds=3600),
        examine=on_thread(recognizer.examine),
        trial=on_thread(lambda _, people, frames: recognizer.try_out(people, frames)),
        replay=on_thread(lambda _, image, version: recognizer.replay(image, version)),
        recent=recent,
        sampling=Sampling(recent.keep, io.submit, per_minute=1e9),
        not_ready=not_ready,
        clock=lambda: NOW,
        enrol=EnrolLimits(),
        limits=limits,
        load=LoadCounts(),
        waiting=Waiting(limits.waiting),
        streams=Waiting(2),
        io=io,
    )
    yield Door(parts, KeyStore(database), Outbox(database), missing)
    for pool in (io, writer):
        pool.shutdown()
    for used in (database, keyring):
        used.dispose()
