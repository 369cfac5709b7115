"""Every metric, declared once; docs/monitoring.md has this as a table. CPU and memory are Ray's, by recording rules."""

from __future__ import annotations

from cluster.monitoring.family import Family, Label
from cluster.monitoring.journey import STAGES

RELEASES = 40
"""Releases that a process tells apart: those it met first."""

CAMERAS = 1000
DEVICES = 1000

LATENCY = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
"""Seconds; 0.05 is the promise."""

DISTANCES = (0.2, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.58, 0.6, 0.65, 0.7, 0.8, 0.9, 1.0, 1.2)
"""0.58 is the shipped release's threshold."""

TO_NOTICE = (0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 20.0, 30.0, 60.0)
FRESHNESS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)

VERDICTS = ("known", "unknown", "blacklisted", "no_face", "none")
STANDINGS = ("known", "unknown", "blacklisted")
CHANNELS = (
    *("log", "mailto", "mailtos", "json", "jsons", "xml", "xmls", "form", "forms", "slack", "discord", "tgram"),
    *("msteams", "workflows", "ntfy", "ntfys", "gotify", "gotifys", "pover", "pbul", "signal", "signals", "twilio"),
    *("matrix", "matrixs", "mqtt", "mqtts", "hassio", "hassios", "ifttt", "sns", "ses", "pagerduty", "opsgenie"),
)
"""Schemes of apprise's URLs that are told apart, and the notices' own log."""

ERRORS = (
    *("AuditBroken", "BackupError", "BrokenPipeError", "CannotRun", "ConnectionError", "CropsUnavailable", "DataError"),
    *("DatabaseError", "FileNotFoundError", "GoldenError", "IntegrityError", "InterfaceError", "KeyError"),
    *("KeyringError", "KeysUnavailable", "MemoryError", "NotDelivered", "NoticesFileError", "OperationalError"),
    *("OSError", "PermissionError", "ProbeFailed", "RayActorError", "RayTaskError", "RecognizerUnavailable"),
    *("ReleaseError", "RuntimeError", "SavedIndexError", "TargetRefused", "TargetUnavailable", "TimeoutError"),
    *("TrialFailed", "TypeError", "UndecodableImage", "ValueError", "WeightsError"),
)
COMPONENTS = (
    *("gateway", "recognizer", "courier", "database", "gallery", "load", "backup", "watch", "telemetry"),
    "deployment",
)
SECURITY_EVENTS = (
    *("key_missing", "key_unknown", "key_ended", "scope_missing", "guesses_refused", "code_unknown"),
    *("key_created", "key_revoked", "person_erased", "device_enrolled", "device_revoked", "audit_broken"),
)
SOURCES = ("frames", "people", "recognition", "events", "devices", "releases", "health", "cli")
QUEUES = ("gateway", "recognizer", "writer", "outbox", "edge_spool")
WORKERS = ("gateway", "recognizer", "courier", "forecaster", "backup", "watch")
APPLICATIONS = ("recognizer-blue", "recognizer-green", *(kind for kind in WORKERS if kind != "recognizer"))
STEPS = ("idle", "preparing", "deploying", "validating", "switching", "rolling_back", "completed", "failed")

_RELEASE = Label("release", most=RELEASES)
_CHANNEL = Label("channel", CHANNELS)
_DEVICE = Label("device", most=DEVICES)
_APPLICATION = Label("application", APPLICATIONS)

EVENTS = Family(
    "pipeline_events_total",
    "counter",
    "Posted frames by verdict, what became of them, and the release that decided.",
    (
        Label("event_type", VERDICTS),
        Label("status", ("recorded", "replayed", "refused", "failed")),
        _RELEASE,
    ),
)
DURATION = Family(
    "pipeline_processing_duration_seconds",
    "histogram",
    "How long each stage took: `total` of every posted frame, the others of ten a second in each gateway.",
    (Label("stage", STAGES), _RELEASE),
    "seconds",
    LATENCY,
)
QUEUE = Family("pipeline_queue_size", "gauge", "What waits, by queue.", (Label("queue_name", QUEUES),))
WORKER = Family(
    "pipeline_worker_health",
    "gauge",
    "1 where a replica runs in a slot that is wanted, 0 where none does.",
    (Label("worker_id", most=500), Label("worker_type", WORKERS)),
)
FACES = Family(
    "face_recognition_requests_total",
    "counter",
    "Faces by standing, and how far from another answer each was.",
    (Label("result_type", STANDINGS), Label("confidence_bucket", ("high", "medium", "low", "none"))),
)
DISTANCE = Family(
    "face_match_distance",
    "histogram",
    "Distance of each face to the nearest enrolled person.",
    (_RELEASE, Label("standing", STANDINGS)),
    "euclidean",
    DISTANCES,
)
ACCURACY = Family(
    "face_recognition_accuracy",
    "gauge",
    "Share of golden frames that are answered rightly, 0 to 1.",
    (Label("model_version", most=RELEASES),),
)
KNOWN_FACES = Family("known_faces_database_size", "gauge", "Enrolled faces.")
TRIGGERS = Family(
    "doorbell_triggers_total",
    "counter",
    "Posted frames by what triggered them, and when at the house's own time.",
    (
        Label("trigger_source", ("button", "motion", "timer", "manual")),
        Label("time_of_day", ("night", "morning", "afternoon", "evening")),
    ),
)
CAMERA_EVENTS = Family(
    "camera_events_today",
    "gauge",
    "Events of the day at the house's own time, by camera: those of enrolled devices first.",
    (Label("camera", most=CAMERAS),),
)
NOTICES = Family(
    "notifications_sent_total",
    "counter",
    "Tries to tell somebody, by how they ended.",
    (
        _CHANNEL,
        Label("notification_type", (*VERDICTS, "device")),
        Label("status", ("delivered", "retried", "gave_up", "uncertain")),
    ),
)
PRESS_TO_NOTICE = Family(
    "press_to_notification_seconds",
    "histogram",
    "From the trigger at the door, by the cluster's clock, to the delivered notice.",
    (_CHANNEL,),
    "seconds",
    TO_NOTICE,
)
SESSIONS = Family("user_sessions_active", "gauge", "API keys that asked within five minutes, and open event streams.")
ERROR_COUNT = Family(
    "errors_total",
    "counter",
    "Warnings and errors that the application logged.",
    (
        Label("component", COMPONENTS),
        Label("error_type", ERRORS),
        Label("severity", ("warning", "error", "critical")),
    ),
)
SECURITY = Family(
    "security_events_total",
    "counter",
    "What concerns who may do what.",
    (
        Label("event_type", SECURITY_EVENTS),
        Label("source", SOURCES),
        Label("action_taken", ("refused", "allowed", "recorded")),
    ),
)
DEVICE_SEEN = Family(
    "edge_device_last_seen_timestamp_seconds", "gauge", "Last heartbeat of a device.", (_DEVICE,), "seconds"
)
DEVICE_SILENT = Family("edge_device_silent", "gauge", "1 where three heartbeats are missing.", (_DEVICE,))
DEVICE_SPOOL = Family("edge_device_spool_frames", "gauge", "Frames that wait on a device.", (_DEVICE,))
DEVICE_OFFSET = Family(
    "edge_device_clock_offset_seconds", "gauge", "The cluster's clock minus a device's.", (_DEVICE,), "seconds"
)
DEVICE_DROPPED = Family("edge_device_dropped_frames", "gauge", "Frames that a device has given up.", (_DEVICE,))
DEVICE_TEMPERATURE = Family("edge_device_temperature_celsius", "gauge", "Of a device's processor.", (_DEVICE,))
DEVICE_STATES = Family("edge_devices", "gauge", "Devices by state.", (Label("state", ("ok", "silent")),))
RELEASE_WEIGHT = Family(
    "release_weight",
    "gauge",
    "Percent of the frames that gateways send to a release.",
    (_RELEASE, Label("colour", ("blue", "green"))),
)
ROLLOUT_STATE = Family(
    "rollout_state", "gauge", "1 for the state that the newest rollout is in.", (Label("state", STEPS),)
)
ROLLOUT_STEP_STARTED = Family(
    "rollout_step_started_timestamp_seconds",
    "gauge",
    "When the newest rollout came to its step or share.",
    (),
    "seconds",
)
FORECAST = Family(
    "autoscaling_forecast_requests_per_second", "gauge", "Upper forecast for the minute to come.", (_APPLICATION,)
)
WANTED = Family("autoscaling_wanted_replicas", "gauge", "Replicas that Serve is to run.", (_APPLICATION,))
RUNNING = Family("autoscaling_running_replicas", "gauge", "Replicas that run.", (_APPLICATION,))
DISK_USAGE = Family(
    "system_disk_usage_percent", "gauge", "Used part of a file system.", (Label("mount_point", most=10),)
)
DISK_FREE = Family(
    "system_disk_free_bytes", "gauge", "Free for us on a file system.", (Label("mount_point", most=10),), "bytes"
)
CERTIFICATE = Family(
    "certificate_expiry_timestamp_seconds",
    "gauge",
    "End of the first certificate to end in a file; 0 for one that cannot be read.",
    (Label("file", most=20),),
    "seconds",
)
CLOCK_SKEW = Family(
    "clock_skew_seconds",
    "gauge",
    "This node's clock minus another: the database's, or the heartbeats' median.",
    (Label("reference", ("database", "devices")),),
    "seconds",
)
ENROLMENT_FRESHNESS = Family(
    "enrolment_freshness_seconds",
    "histogram",
    "How long the first frame after a change of the gallery waited for its recognizer to have it.",
    (),
    "seconds",
    FRESHNESS,
)
DROPPED = Family(
    "telemetry_dropped_total",
    "counter",
    "Telemetry that was lost, so that no request waited for it.",
    (
        Label("signal", ("spans", "logs", "metrics")),
        Label("reason", ("full", "unreachable", "failed", "disk")),
    ),
)
WATCH_ROUND = Family(
    "watch_part_timestamp_seconds",
    "gauge",
    "When a part of the watch last did its work, or began to try.",
    (Label("part", most=20),),
    "seconds",
)

FAMILIES = tuple(value for value in list(globals().values()) if isinstance(value, Family))
