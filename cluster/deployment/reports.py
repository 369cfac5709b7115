"""Reports of validations in a folder: numbers in clear, pictures and names sealed.

ID.json       what was measured, without pictures and names of persons at doors
ID.html       the same as a page
ID.pictures   the frames that were answered otherwise, small, and who was recognized: JSON under AES-256-GCM, with a
              key of its own in the keyring that ends, as those of other files of many persons, with the next erasure
"""

from __future__ import annotations

import base64
import json
import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from cluster.deployment.report_page import Detail, page
from cluster.security.keyring import NONCE_BYTES, Keyring, KeyringError

ID = re.compile(r"[0-9a-f]{1,16}")
KEY_ID_BYTES = 32
KEPT_PICTURES = 10
"""Of the newest reports; those of older ones are removed with their keys."""


class ReportError(Exception):
    """A report that is not there or cannot be read."""


@dataclass(frozen=True, slots=True)
class SealingKey:
    """Made before the pictures are fetched: who is erased in between ends it."""

    id: str
    key: bytes


class Reports:
    """The folder is its owner's only, and so is each file."""

    def __init__(self, folder: Path, keyring: Keyring) -> None:
        self.folder = folder
        self._keyring = keyring

    def new_key(self) -> SealingKey:
        """Of one report's pictures. Raises KeyringError."""
        return SealingKey(*self._keyring.create_file_key())

    def write(self, report: Mapping[str, Any], details: Mapping[str, Detail], key: SealingKey | None) -> Path:
        """The path of the JSON; pictures are written when there are a key and details. Raises OSError."""
        rollout = str(report["rollout"])
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.folder.chmod(0o700)
        self._forget_pictures(rollout)
        if key is not None and details:
            write_private(self._pictures(rollout), _sealed(details, key, rollout))
            note = f"Names and pictures are sealed: doorbell release report {rollout} --html FILE"
        else:
            note = ""
        write_private(self.folder / f"{rollout}.html", page(report, {}, note).encode())
        path = self.folder / f"{rollout}.json"
        write_private(path, json.dumps(report, indent=1).encode())
        for old in sorted(self.folder.glob("*.pictures"), key=_age)[:-KEPT_PICTURES]:
            self._forget_pictures(old.stem)
        return path

    def path(self, rollout: str) -> Path:
        """The JSON of a rollout's report, or of the newest with `last`. Raises ReportError."""
        if rollout == "last":
            found = sorted(self.folder.glob("*.json"), key=_age)
            if not found:
                raise ReportError("there is no report yet; 'doorbell release deploy NAME' makes one when it validates")
            return found[-1]
        path = self.folder / f"{rollout}.json"
        if not ID.fullmatch(rollout) or not path.exists():
            raise ReportError(f"no report of a rollout '{rollout}'; 'doorbell release status --json' lists their ids")
        return path

    def read(self, path: Path) -> dict[str, Any]:
        """Raises ReportError."""
        try:
            report: dict[str, Any] = json.loads(path.read_bytes())
            page(report, {}, "")  # whatever a report has is used there
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise ReportError(f"{path}: the report cannot be read: {error!r}") from None
        return report

    def opened_page(self, path: Path) -> str:
        """The report's page with its names and pictures, or with a line that says why they are gone."""
        report, note = self.read(path), ""
        try:
            details = self._details(str(report["rollout"]))
            if len(details) > sum(bool(each.picture) for each in details.values()):
                note = "Not every frame has a picture: it was kept no longer, or there were too many."
        except (KeyringError, OSError) as error:
            details, note = {}, f"There are no names and pictures any more: {error}"
        return page(report, details, note)

    def _details(self, rollout: str) -> dict[str, Detail]:
        sealed = self._pictures(rollout).read_bytes()
        key_id, nonce, content = _parts(sealed)
        try:
            plain = AESGCM(self._keyring.file_key(key_id)).decrypt(nonce, content, rollout.encode())
        except (InvalidTag, ValueError):
            raise KeyringError("they are damaged") from None
        return {
            event_id: Detail(tuple(each["live"]), tuple(each["new"]), base64.b64decode(each["picture"]))
            for event_id, each in json.loads(plain).items()
        }

    def _forget_pictures(self, rollout: str) -> None:
        path = self._pictures(rollout)
        if path.exists():
            self._keyring.destroy_file_key(_parts(path.read_bytes())[0])
            path.unlink(missing_ok=True)

    def _pictures(self, rollout: str) -> Path:
        return self.folder / f"{rollout}.pictures"


def write_private(path: Path, content: bytes) -> None:
    """A whole file or none, for its owner only. Raises OSError."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}")  # made with mode 0600
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _sealed(details: Mapping[str, Detail], key: SealingKey, rollout: str) -> bytes:
    plain = {
        event_id: {"live": each.live, "new": each.new, "picture": base64.b64encode(each.picture).decode()}
        for event_id, each in details.items()
    }
    nonce = os.urandom(NONCE_BYTES)
    sealed = AESGCM(key.key).encrypt(nonce, json.dumps(plain).encode(), rollout.encode())
    return key.id.encode() + nonce + sealed


def _parts(sealed: bytes) -> tuple[str, bytes, bytes]:
    behind = KEY_ID_BYTES + NONCE_BYTES
    return sealed[:KEY_ID_BYTES].decode("ascii", "replace"), sealed[KEY_ID_BYTES:behind], sealed[behind:]


def _age(path: Path) -> float:
    return path.stat().st_mtime
