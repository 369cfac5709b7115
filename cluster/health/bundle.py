"""A support bundle: texts in a tar.gz, without what nobody else may read."""

from __future__ import annotations

import io
import os
import re
import tarfile
import time
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

REMOVED = "[removed]"
SHORTEST_SECRET = 6
"""Characters: shorter values would be found in every other word."""

LAST_BYTES = 200_000
"""Of each log."""

MOST_LOGS = 40

SECRET_NAMES = re.compile(r"(KEY|TOKEN|SECRET|PASSW|PASSPHRASE|CREDENTIAL|COOKIE|_CODE$|HEADERS)", re.IGNORECASE)
"""Environment variables whose values are secret, or may hold a secret."""

PATTERNS = (
    re.compile(r"db_[0-9a-f]{12}_[0-9A-Za-z_-]{20,}"),  # API keys
    re.compile(r"(?<=://)[^\s/@:]*:[^\s/@]+(?=@)"),  # user and password of a URL
    re.compile(r"(?i)(?<=bearer )[\w.~+/=-]{8,}"),
    re.compile(r"(?i)(?<=[?&])(?:key|token|secret|password|sig|signature|x-amz-[a-z-]+)=[^\s&\"']+"),
    re.compile(r"\b(?:[0-9A-Z]{4}-){3}[0-9A-Z]{4}\b"),  # one-time codes of devices
    re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL),
    re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
)


def secrets_of(environment: Mapping[str, str], files: Iterable[Path]) -> set[str]:
    """Values that must not be in a bundle: of the environment, and what small files of keys hold, also as hex."""
    found = {value.strip() for name, value in environment.items() if SECRET_NAMES.search(name)}
    for file in files:
        try:
            content = file.read_bytes()[:4096]
        except OSError:
            continue
        found |= {content.decode(errors="replace").strip(), content.hex()}
    return {value for value in found if len(value) >= SHORTEST_SECRET}


def without(text: str, secrets: Collection[str]) -> str:
    """The text with everything that is secret, or looks like it, taken out."""
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= SHORTEST_SECRET:
            text = text.replace(secret, REMOVED)
        else:  # short names of people: only as words of their own
            text = re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", REMOVED, text)
    for pattern in PATTERNS:
        text = pattern.sub(REMOVED, text)
    return text


def last_of(files: Iterable[Path]) -> dict[str, str]:
    """The ends of the newest logs, by name."""
    newest = sorted((file for file in files if file.is_file()), key=lambda file: file.stat().st_mtime, reverse=True)
    return {f"logs/{file.name}": _end_of(file) for file in newest[:MOST_LOGS]}


def write(file: Path, texts: Mapping[str, str], secrets: Collection[str]) -> None:
    """Only its owner may read the file, since it says how the system is built. Raises OSError where one is there."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as opened, tarfile.open(fileobj=opened, mode="w:gz") as archive:
        for name, text in texts.items():
            data = without(text, secrets).encode()
            entry = tarfile.TarInfo(f"doorbell-support/{without(name, secrets)}")
            entry.size, entry.mtime, entry.mode = len(data), int(time.time()), 0o600
            archive.addfile(entry, io.BytesIO(data))


def _end_of(file: Path) -> str:
    """From the first whole line of the last bytes on."""
    with file.open("rb") as opened:
        size = opened.seek(0, os.SEEK_END)
        opened.seek(max(0, size - LAST_BYTES))
        text = opened.read().decode(errors="replace")
    return text if size <= LAST_BYTES else text.partition("\n")[2]
