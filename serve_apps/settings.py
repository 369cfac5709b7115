"""The application's settings: environment variables `DOORBELL_…`, read once by each process."""

from __future__ import annotations

import difflib
import os
from datetime import tzinfo
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

PREFIX = "DOORBELL_"
OTHERS = frozenset(
    {
        "DOORBELL_API_KEY",
        "DOORBELL_API_URL",
        "DOORBELL_EDGE_KEY",
        "DOORBELL_FAILPOINT",
        "DOORBELL_LOOPBACK_ONLY",
        "DOORBELL_SUPERVISED",
    }
)
"""Variables of the same prefix that the command line, the edge and tests of snapshots read."""


MOVED = {
    "DOORBELL_MATCH_THRESHOLD": "--threshold",
    "DOORBELL_MATCH_MARGIN": "--margin",
    "DOORBELL_DETECT_LONG_SIDE": "--long-side",
}
"""Variables that were settings, and the options of `doorbell release pack` that took their place."""


LONGEST_GROUP = 64
"""Characters of a camera group's pattern: as many as the load's table takes."""


KEEP = r"^(last|hourly|daily|weekly|monthly)=\d{1,4}(,(last|hourly|daily|weekly|monthly)=\d{1,4})*$"


class SettingsError(Exception):
    """A setting that is misspelt or out of range."""


class Settings(BaseSettings):
    """`data` holds everything that is not given a URL of its own.

    `release_licences`: SPDX identifiers that allow use beside the open ones, with commas between them.
    `release_engines`: import paths (module:name) of engines that a release may name beside the packaged ones.
    `recent_frames_per_minute`: how many each gateway keeps for the replay to new releases, `recent_frames` and
    `recent_frames_days` how many of all gateways and for how long; 0 of any turns it off. `release_golden`: a folder
    of golden frames in the place of `data/golden`. `release_accuracy`, `release_growth_mb` and `release_agreement`:
    what a release must reach before it gets traffic (`validate.Limits`). `camera_groups`: patterns of cameras' names
    with commas between them, each a group whose load is recorded for itself. `rushes_file`: a YAML of expected rushes.

    Snapshots are off while `backup_url` is empty. They are sealed with the passphrase in `backup_passphrase_file` or by
    the program of `backup_key_command`; the keyring's copy lies apart, at `backup_keyring_url`. The second places are
    in another region. A restore is rehearsed every `backup_drill_hours`, sooner than the alert rule's day. 0 turns
    either schedule off. `backup_keep`: how many snapshots stay, of each kind.

    `instrumentation`: off for neither metrics nor timings. `time_zone`: the house's, as in Europe/Berlin; the machine's
    when empty. `certificates`: PEM files whose ends are watched, with commas between them. `watch_golden_minutes`:
    between two looks at golden frames through each release that runs, 25 at the most, since the alert WatchPartStuck
    waits for half an hour; 0 turns them off. `prometheus_url`: the Prometheus that scrapes this cluster, for reports,
    Grafana and Ray's dashboard.
    """

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid")

    data: Path = Path("data")
    database_url: str = ""
    keyring_url: str = ""
    crops_url: str = ""
    master_key_file: Path | None = None
    notices_file: Path | None = None
    releases_url: str = ""
    release_keys_file: Path | None = None
    release_signing_key_file: Path | None = None
    release_licences: str = ""
    release_engines: str = ""
    engine: Literal["yunet_dlib", "face_recognition"] = "yunet_dlib"
    provider: Literal["cpu", "cuda"] = "cpu"
    max_body_bytes: int = Field(10_000_000, ge=1_000)
    max_pixels: int = Field(25_000_000, ge=1_000)
    max_waiting: int = Field(64, ge=1)
    body_seconds: float = Field(10.0, gt=0)
    recent_frames: int = Field(200, ge=0, le=5_000)
    recent_frames_per_minute: float = Field(20.0, ge=0, le=600)
    recent_frames_days: float = Field(2.0, ge=0, le=30)
    recent_frames_url: str = ""
    release_golden: Path | None = None
    release_accuracy: float = Field(1.0, ge=0, le=1)
    release_growth_mb: float = Field(30.0, gt=0)
    release_agreement: float = Field(0.98, ge=0, le=1)
    camera_groups: str = Field("", pattern=r"^[\w.*?\[\]!,-]*$")
    rushes_file: Path | None = None
    backup_url: str = ""
    backup_keyring_url: str = ""
    backup_replicate_to: str = ""
    backup_keyring_replicate_to: str = ""
    backup_passphrase_file: Path | None = None
    backup_key_command: str = ""
    backup_every_seconds: float = Field(10.0, ge=0)
    backup_drill_hours: float = Field(20.0, ge=0)
    backup_keep: str = Field("last=1,hourly=24,daily=14,weekly=8,monthly=12", pattern=KEEP)
    instrumentation: Literal["on", "off"] = "on"
    time_zone: str = ""
    certificates: str = ""
    prometheus_url: str = ""
    watch_golden_minutes: float = Field(10.0, ge=0, le=25)

    @field_validator("camera_groups")
    @classmethod
    def _short(cls, given: str) -> str:
        if any(len(pattern) > LONGEST_GROUP for pattern in given.split(",")):
            raise ValueError(f"a pattern has at most {LONGEST_GROUP} characters")
        return given

    @field_validator("time_zone")
    @classmethod
    def _known(cls, given: str) -> str:
        if given and given not in available_timezones():
            nearest = difflib.get_close_matches(given, available_timezones(), 1)
            raise ValueError(f"{given} is no time zone" + (f"; did you mean {nearest[0]}?" if nearest else ""))
        return given

    @property
    def zone(self) -> tzinfo | None:
        """The house's time zone; None is the machine's."""
        return ZoneInfo(self.time_zone) if self.time_zone else None

    @property
    def certificate_files(self) -> tuple[Path, ...]:
        """`certificates`, each for itself."""
        return tuple(Path(each.strip()) for each in self.certificates.split(",") if each.strip())

    @property
    def folder(self) -> Path:
        """`data` as an absolute path: replicas run in folders of Ray's."""
        return self.data.absolute()

    @property
    def recent_frames_rate(self) -> float:
        """How many frames a minute each gateway keeps; 0 when one of the three settings turns it off."""
        return self.recent_frames_per_minute if self.recent_frames and self.recent_frames_days else 0.0

    @property
    def camera_patterns(self) -> tuple[str, ...]:
        """`camera_groups`, each for itself."""
        return tuple(filter(None, self.camera_groups.split(",")))

    @property
    def weights_folder(self) -> Path:
        """Where built graphs are cached."""
        return self.folder / "weights"

    @property
    def index_folder(self) -> Path:
        """Where the indexes of large galleries are saved."""
        return self.folder / "index"

    @property
    def releases_cache(self) -> Path:
        """Where releases of the registry are kept for use."""
        return self.folder / "releases-cache"

    @property
    def engines_allowed(self) -> frozenset[str]:
        """`release_engines`, each for itself."""
        return frozenset(filter(None, (each.strip() for each in self.release_engines.split(","))))

    @property
    def golden_folder(self) -> Path:
        """Frames whose answers are known, which every release must give."""
        return self.release_golden.absolute() if self.release_golden else self.folder / "golden"

    @property
    def reports_folder(self) -> Path:
        """What was seen at each release's validation."""
        return self.folder / "release-reports"

    @property
    def notices_log(self) -> Path:
        """Where notices to `log` go."""
        return self.folder / "notices.log"


def load() -> Settings:
    """The settings of this process. Raises SettingsError: one line with the nearest right name."""
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    for name in os.environ:
        if name in MOVED:
            pack = f"doorbell release pack NAME --from OLD {MOVED[name]} {os.environ[name]}"
            raise SettingsError(f"{name} moved into the release: unset it, run '{pack}', then deploy it")
        if name.startswith(PREFIX) and name not in known | OTHERS:
            nearest = difflib.get_close_matches(name, known | OTHERS, 1)
            raise SettingsError(f"{name} is no setting" + (f"; did you mean {nearest[0]}?" if nearest else ""))
    try:
        settings = Settings()
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        raise SettingsError(f"{PREFIX}{'_'.join(map(str, first['loc'])).upper()}: {first['msg']}") from None
    folder = settings.folder
    if set(str(folder)) & set("?#%"):
        raise SettingsError(f"{PREFIX}DATA: {folder} has one of ? # % in it, which URLs give a meaning; rename it")
    defaults = {
        "database_url": f"sqlite:///{folder}/doorbell.db",
        "keyring_url": f"sqlite:///{folder}/keyring.db",
        "crops_url": str(folder / "crops"),
        "recent_frames_url": str(folder / "recent-frames"),
        "master_key_file": folder / "master.key",
        "releases_url": str(folder / "releases"),
        "release_keys_file": folder / "release_keys.pub",
        "release_signing_key_file": folder / "release_signing.key",
    }
    unset = {name: value for name, value in defaults.items() if not getattr(settings, name)}
    settings = settings.model_copy(update=unset)
    if _place(settings.database_url) == _place(settings.keyring_url):
        raise SettingsError(f"{PREFIX}KEYRING_URL must be another database than {PREFIX}DATABASE_URL")
    return settings


def _place(url: str) -> str:
    """A file however it is written."""
    name = url.removeprefix("sqlite:///")
    return url if name == url else str(Path(name).resolve())
