"""The only place that knows which cameras, triggers, lights and folder make up an agent."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from prometheus_client import CollectorRegistry

from edge.agent import Agent
from edge.backoff import Backoff
from edge.camera import Camera
from edge.clock import ClusterClock
from edge.connection import Connection
from edge.devices import camera_of, feedback_of, trigger_of
from edge.drivers.replay import Replay
from edge.errors import SettingsInvalid
from edge.feedback import Feedback
from edge.firings import Firings
from edge.gateway import Gateway
from edge.heartbeat import Heartbeat
from edge.listener import Listener, Listeners
from edge.live import LiveCamera
from edge.metrics import MeasuredOutcomes, Readings, served_metrics
from edge.settings import EdgeSettings, GatewaySettings, SpoolSettings, read_key
from edge.spool import Spool, SpoolLimits
from edge.spool_key import SpoolKey, read_spool_key
from edge.uploader import Uploader
from edge.vitals import Vitals
