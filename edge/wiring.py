"""The only place that knows which camera, which trigger and which folder make up an agent."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from prometheus_client import CollectorRegistry

from edge.agent import Agent
from edge.backoff import Backoff
from edge.camera import Camera
from edge.drivers.gpio import ButtonTrigger
from edge.drivers.opencv import OpencvCamera
from edge.drivers.replay import Replay
from edge.errors import SettingsInvalid
from edge.gateway import Gateway
from edge.metrics import MeasuredOutcomes, served_metrics
from edge.settings import ButtonSettings, EdgeSettings, ReplaySettings, read_key
from edge.spool import Spool, SpoolLimits
from edge.trigger import Trigger
from edge.uploader import Listener, Uploader

_REPLAY_BACKOFF = Backoff(first_s=0.1, longest_s=2.0, key_refused_s=float("inf"))
"""Somebody watches a replay: it tries again soon, and a refused key ends it where a box would wait for a repair."""
_LONGEST_REQUEST_S = 10.0


@contextmanager
def agent_of(settings: EdgeSettings, listener: Listener) -> Iterator[Agent]:
    """Open everything a box needs, and close it again. Raises what the parts raise."""
    told = settings.gateway
    read_key(told.key_file)
    limits = SpoolLimits(**settings.spool.model_dump(exclude={"folder"}))
    backoff = Backoff(first_s=told.first_retry_s, longest_s=told.longest_retry_s)
    gateway = Gateway(told.url, lambda: read_key(told.key_file), timeout_s=told.timeout_s)
    with (
        closing(gateway),
        Spool(settings.spool.folder, limits) as spool,
        _devices(settings) as (trigger, camera),
        _measured(listener, spool, settings.metrics_port) as listener,
    ):
        uploader = Uploader(gateway, spool, listener, backoff=backoff)
        yield Agent(settings.camera.id, trigger, camera, uploader)


@contextmanager
def agent_of_replay(
    replay: Replay,
    camera_id: str,
    url: str,
    key: str,
    spool: Spool,
    listener: Listener,
    *,
    patience_s: float,
    one_by_one: bool,
) -> Iterator[Agent]:
    """Open a connection for a folder of images. Raises CameraIdInvalid, SettingsInvalid."""
    with closing(Gateway(url, lambda: key, timeout_s=min(patience_s, _LONGEST_REQUEST_S))) as gateway:
        uploader = Uploader(gateway, spool, listener, backoff=_REPLAY_BACKOFF, patience_s=patience_s)
        yield Agent(camera_id, replay, replay, uploader, one_by_one=one_by_one)


@contextmanager
def _measured(listener: Listener, spool: Spool, port: int | None) -> Iterator[Listener]:
    if port is None:
        yield listener
        return
    registry = CollectorRegistry()
    with ExitStack() as stack:
        try:
            stack.enter_context(served_metrics(spool, registry, port))
        except OSError as error:
            raise SettingsInvalid(f"metrics_port {port}: {error.strerror}", "give another port") from error
        yield MeasuredOutcomes(listener, registry)


@contextmanager
def _devices(settings: EdgeSettings) -> Iterator[tuple[Trigger, Camera]]:
    camera = settings.camera
    if isinstance(camera, ReplaySettings):
        replay = Replay(Path(camera.folder), camera.interval_s)
        yield replay, replay
        return
    with closing(OpencvCamera(camera.source)) as device, closing(_button(settings.trigger)) as button:
        yield button, device


def _button(told: ButtonSettings | None) -> ButtonTrigger:
    if told is None:
        raise SettingsInvalid("a camera needs a trigger", "add a trigger section")
    return ButtonTrigger(told.pin, pull_up=told.pull_up, debounce_s=told.debounce_s)
