"""The application's settings: environment variables `DOORBELL_…`, read once by each process."""

from __future__ import annotations

import difflib
import os
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

PREFIX = "DOORBELL_"
OTHERS = frozenset(
    {"DOORBELL_API_KEY", "DOORBELL_API_URL", "DOORBELL_EDGE_KEY", "DOORBELL_LOOPBACK_ONLY", "DOORBELL_SUPERVISED"}
)
"""Variables of the same prefix that the command line and the edge read."""


MOVED = {
    "DOORBELL_MATCH_THRESHOLD": "--threshold",
    "DOORBELL_MATCH_MARGIN": "--margin",
    "DOORBELL_DETECT_LONG_SIDE": "--long-side",
}
"""Variables that were settings, and the options of `doorbell release pack` that took their place."""


class SettingsError(Exception):
    """A setting that is misspelt or out of range."""


class Settings(BaseSettings):
    """`data` holds everything that is not given a URL of its own.

    `release_licences`: SPDX identifiers that allow use beside the open ones, with commas between them.
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
    engine: Literal["yunet_dlib", "face_recognition"] = "yunet_dlib"
    provider: Literal["cpu", "cuda"] = "cpu"
    max_body_bytes: int = Field(10_000_000, ge=1_000)
    max_pixels: int = Field(25_000_000, ge=1_000)
    max_waiting: int = Field(64, ge=1)
    body_seconds: float = Field(10.0, gt=0)

    @property
    def folder(self) -> Path:
        """`data` as an absolute path: replicas run in folders of Ray's."""
        return self.data.absolute()

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
    def golden_folder(self) -> Path:
        """Frames whose answers are known, which every release must give."""
        return self.folder / "golden"

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
        "master_key_file": folder / "master.key",
        "releases_url": str(folder / "releases"),
        "release_keys_file": folder / "release_keys.pub",
        "release_signing_key_file": folder / "release_signing.key",
    }
    unset = {name: value for name, value in defaults.items() if not getattr(settings, name)}
    settings = settings.model_copy(update=unset)
    if settings.database_url == settings.keyring_url:
        raise SettingsError(f"{PREFIX}KEYRING_URL must be another database than {PREFIX}DATABASE_URL")
    return settings
