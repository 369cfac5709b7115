"""Errors that a person can put right: their text is one line that says how."""

from __future__ import annotations

from autoscaling.capacity import CannotKeep
from autoscaling.history import BadHistory
from autoscaling.scaling import BadScaling
from autoscaling.schedule import BadSchedule
from backup.errors import BackupError
from benchmarks.calibration import CannotCalibrate
from benchmarks.pairs import AccuracyError
from cluster.cli.access import NoAnswer
from cluster.cli.autoscaling import NothingDecided
from cluster.deployment.colours import StateError
from cluster.deployment.control import ServeError
from cluster.deployment.golden import GoldenError
from cluster.deployment.haproxy import BalancerError
from cluster.deployment.history import RolloutError
from cluster.deployment.kept import KeptStateDamaged
from cluster.deployment.kuberay_model import ManifestError
from cluster.deployment.reports import ReportError
from cluster.deployment.running import ApplicationError
from cluster.monitoring.budget import BadMonth
from cluster.monitoring.log_search import LogsUnreachable
from cluster.monitoring.objectives import ObjectivesError
from cluster.monitoring.questions import NoPrometheus
from cluster.monitoring.receivers import ReceiversError
from cluster.preflight import CannotStart
from cluster.releases.manifest import ReleaseError
from cluster.security.api_keys import UnknownKey
from cluster.security.devices import DeviceInUse, UnknownDevice
from cluster.security.keyring import KeyringError
from serve_apps.database import DatabaseError
from serve_apps.gallery.crops import CropsUnavailable
from serve_apps.gallery.enroll import PhotoRefused
from serve_apps.gallery.saved import SavedIndexError
from serve_apps.gallery.store import BeingEmbedded
from serve_apps.notifications.rules_file import NoticesFileError
from serve_apps.recognition.weights import WeightsError
from serve_apps.settings import SettingsError

EXPECTED = (
    AccuracyError,
    BackupError,
    BadHistory,
    BadMonth,
    BadScaling,
    BadSchedule,
    BalancerError,
    CannotCalibrate,
    CannotKeep,
    NoAnswer,
    NoPrometheus,
    NothingDecided,
    ObjectivesError,
    ReceiversError,
    CannotStart,
    KeptStateDamaged,
    ManifestError,
    ServeError,
    StateError,
    RolloutError,
    ReportError,
    GoldenError,
    ApplicationError,
    LogsUnreachable,
    UnknownKey,
    UnknownDevice,
    DeviceInUse,
    KeyringError,
    DatabaseError,
    CropsUnavailable,
    PhotoRefused,
    ReleaseError,
    NoticesFileError,
    SavedIndexError,
    BeingEmbedded,
    WeightsError,
    SettingsError,
)
