"""The only place that knows which cameras, triggers, lights and folder make up an agent."""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass

from prometheus_client import CollectorRegistry

from edge.agent import Agent
from edge.camera import Camera
from edge.devices import camera_of, trigger_of
from edge.drivers.replay import Replay
from edge.errors import SettingsInvalid
from edge.feedback import feedback_of
from edge.firings import Firings
from edge.health import otlp
from edge.health.metrics import Counts, MeasuredOutcomes, Readings, served_metrics
from edge.health.vitals import Vitals
from edge.listener import Listener, Listeners
from edge.pictures.live import LiveCamera
from edge.settings import EdgeSettings, GatewaySettings, HealthSettings, SpoolSettings, read_key
from edge.spans import TracedOutcomes
from edge.spool.queue import Spool
from edge.spool.told import key_of, limits_of
from edge.upload.addresses import Addresses
from edge.upload.backoff import Backoff
from edge.upload.clock import ClusterClock, boot_clock
from edge.upload.connection import Connection
from edge.upload.gateway import Gateway
from edge.upload.heartbeat import Heartbeat
from edge.upload.key_file import KeyFile
from edge.upload.tls import tls_for
from edge.upload.uploader import Uploader

_REPLAY_BACKOFF = Backoff(first_s=0.1, longest_s=2.0, key_refused_s=float("inf"))
"""Somebody watches a replay: it tries again soon, and a refused key ends it where a box would wait for a repair."""
_LONGEST_REQUEST_S = 10.0


@dataclass(frozen=True, slots=True)
class _Line:
    """What everybody who talks to the cluster shares."""

    addresses: Addresses
    tls: ssl.SSLContext
    timeout_s: float
    clock: ClusterClock
    key: KeyFile

    def connection(self) -> Connection:
        return Connection(self.addresses, self.tls, timeout_s=self.timeout_s)


@contextmanager
def agent_of(settings: EdgeSettings, log: Listener) -> Iterator[Agent]:
    """Open everything a box needs, and close it again. Raises what the parts raise."""
    told = settings.gateway
    line = _line(told)
    with ExitStack() as open_parts:
        gateway = Gateway(
            line.connection(),
            line.key,
            cluster_clock=line.clock,
            bytes_per_second=told.bytes_per_second,
            traced=otlp.share_of(os.environ),
        )
        open_parts.callback(gateway.close)
        spool = open_parts.enter_context(spool_of(settings.spool))
        cameras = {each.id: open_parts.enter_context(closing(camera_of(each))) for each in settings.cameras}
        live = {name: camera for name, camera in cameras.items() if isinstance(camera, LiveCamera)}
        feedback = open_parts.enter_context(closing(feedback_of(settings.feedback, boot_clock)))
        firings = open_parts.enter_context(closing(_firings(settings, cameras, live)))
        vitals = Vitals(spool, settings.spool.folder, live, firings)
        # The lights first: somebody is looking at them.
        spans = _spans(open_parts)
        health = _told_of_health(settings.health, line, vitals, spans, open_parts)
        listener = Listeners([feedback, log, *health, *_traced(spans)])
        uploader = Uploader(
            gateway,
            spool,
            listener,
            backoff=Backoff(first_s=told.first_retry_s, longest_s=told.longest_retry_s),
            newest_first_after_s=settings.spool.newest_first_after_s,
        )
        yield Agent(cameras, firings, uploader, listener)


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
    connection = Connection(Addresses((url,)), timeout_s=min(patience_s, _LONGEST_REQUEST_S))
    with closing(Gateway(connection, lambda: key)) as gateway:
        uploader = Uploader(gateway, spool, listener, backoff=_REPLAY_BACKOFF, patience_s=patience_s)
        yield Agent({camera_id: replay}, replay, uploader, listener, one_by_one=one_by_one)


def spool_of(told: SpoolSettings) -> Spool:
    """Open the spool. Raises SpoolBusy, SpoolUnusable, KeyUnusable."""
    return Spool(told.folder, limits_of(told), key=key_of(told))


def _line(told: GatewaySettings) -> _Line:
    # A box without a key is not set up; a key that is lost later is waited for.
    read_key(told.key_file)
    addresses = Addresses((told.url, *told.fallbacks))
    tls = tls_for(addresses, told.ca_file, told.certificate_file, told.certificate_key_file)
    return _Line(addresses, tls, told.timeout_s, ClusterClock(), KeyFile(told.key_file))


def _firings(settings: EdgeSettings, cameras: Mapping[str, Camera], live: Mapping[str, LiveCamera]) -> Firings:
    """All triggers, with those of the replays; every one knows which cameras it is for."""
    wired = []
    with ExitStack() as opened:
        for told in settings.triggers:
            names = told.cameras or tuple(live)
            trigger = trigger_of(told, names, live)
            opened.callback(trigger.close)
            wired.append((trigger, names, told.min_interval_s))
        replays = [(camera, (name,), 0.0) for name, camera in cameras.items() if isinstance(camera, Replay)]
        opened.pop_all()
    return Firings([*wired, *replays])


def _spans(open_parts: ExitStack) -> otlp.Outbound | None:
    """The way of spans to a collector, where the environment asks for one."""
    if not otlp.asked_for(os.environ):
        return None
    out = otlp.Outbound(otlp.exporter)
    out.start()
    open_parts.callback(out.close)
    return out


def _traced(spans: otlp.Outbound | None) -> Iterator[Listener]:
    if spans is not None:
        yield TracedOutcomes(spans.put, otlp.share_of(os.environ))


def _told_of_health(
    told: HealthSettings, line: _Line, vitals: Vitals, spans: otlp.Outbound | None, open_parts: ExitStack
) -> Iterator[Listener]:
    """Start the heartbeat and the metrics, as far as they are asked for; yield who counts."""
    if told.heartbeat_s is not None:
        heartbeat = Heartbeat(line.connection(), line.key, vitals.heartbeat, line.clock, told.heartbeat_s)
        heartbeat.start()
        open_parts.callback(heartbeat.close)
    if told.metrics_port is not None:
        registry = CollectorRegistry()
        registry.register(Readings(vitals.gauges, lambda: {**vitals.counts(), **_lost(spans)}))
        try:
            open_parts.enter_context(served_metrics(registry, told.metrics_port))
        except OSError as error:
            what = f"health.metrics_port {told.metrics_port}: {error.strerror}"
            raise SettingsInvalid(what, "give another port") from error
        yield MeasuredOutcomes(registry)


def _lost(spans: otlp.Outbound | None) -> Counts:
    dropped = {} if spans is None else dict(spans.dropped)
    return {"edge_spans_dropped": ("Spans that no collector got.", "reason", dropped)}
