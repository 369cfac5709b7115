"""What goes into a support bundle."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Collection, Iterator, Mapping, Sequence
from importlib.metadata import distributions
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus, urlsplit

import yaml

from cluster.cli.diagnosed_stores import Stores
from cluster.deployment.control import Serve, ServeError
from cluster.deployment.kept import state_file
from cluster.deployment.token import token_of
from cluster.health.bundle import SECRET_NAMES, last_of, secrets_of, write
from cluster.health.examine import within
from cluster.monitoring.disk_history import history_file
from cluster.temporary import logs_of
from serve_apps.settings import Settings, SettingsError, load

PATIENCE_SECONDS = 2.0
PREFIXES = ("DOORBELL_", "RAY_", "SERVE_", "OTEL_", "AWS_", "OMP_", "MALLOC_", "PYTHON")


def bundled(file: Path, report: Mapping[str, Any], lines: Sequence[str], dashboard: str) -> str:
    """Write it, and say what it holds. Raises OSError where the file is there."""
    texts = {"report.json": json.dumps(report, indent=2), "report.txt": "\n".join(lines)}
    texts |= {"versions.txt": _versions(), "environment.txt": _environment()}
    names: Collection[str] | None = None
    secrets = secrets_of(os.environ, ())
    try:
        settings = load()
    except SettingsError as error:
        texts["settings.txt"] = str(error)
    else:
        names = within(PATIENCE_SECONDS, Stores(settings).names)
        secrets |= _secrets(settings)
        texts |= _of_settings(settings, dashboard)
        texts |= last_of(logs_of(settings.folder)) if names is not None else {}
    left_out = "" if names is not None else "; logs are left out: who is enrolled is not known, and may stand in them"
    write(file, texts, secrets.union(*map(_forms, names or ())))
    return f"{file}: {len(texts)} texts, secrets and names removed{left_out}"


def _forms(name: str) -> set[str]:
    """A name as it is, in JSON and in a URL."""
    return {name, json.dumps(name)[1:-1], quote(name), quote_plus(name)}


def _of_settings(settings: Settings, dashboard: str) -> dict[str, str]:
    values = settings.model_dump()
    shown = {name: "(set)" if SECRET_NAMES.search(name) and value else value for name, value in values.items()}
    texts = {"settings.txt": "\n".join(f"{name} = {value}" for name, value in shown.items())}
    for kept in (state_file(settings.folder), history_file(settings.folder)):
        if kept.is_file():
            texts[kept.name] = kept.read_text(errors="replace")
    config = within(PATIENCE_SECONDS, lambda: _serve_config(settings, dashboard))
    return texts | ({"serve-config.json": config} if config else {})


def _serve_config(settings: Settings, dashboard: str) -> str | None:
    try:
        with Serve(dashboard, token_of(settings.folder)) as serve:
            return json.dumps(serve.config(), indent=2)
    except ServeError:
        return None


def _secrets(settings: Settings) -> set[str]:
    """What the settings lead to: key files, passwords in URLs, and the recipients of notices."""
    files = (settings.master_key_file, settings.release_signing_key_file, settings.backup_passphrase_file)
    found = secrets_of({}, [file for file in (*files, settings.folder / "ray_token") if file is not None])
    urls = [value for value in settings.model_dump().values() if isinstance(value, str) and "://" in value]
    found |= {password for url in urls if (password := urlsplit(url).password)}
    if settings.backup_key_command:
        found.add(settings.backup_key_command)
    return found | (set(_recipients(settings.notices_file)) if settings.notices_file else set())


def _recipients(file: Path) -> Iterator[str]:
    """Their URLs, which hold passwords and tokens."""
    try:
        recipients = yaml.safe_load(file.read_text())["recipients"].values()
        for each in recipients:
            if isinstance(each, str) or each.get("url"):
                yield each if isinstance(each, str) else str(each["url"])
            else:
                yield Path(each["url_file"]).read_text().strip()
    except (OSError, yaml.YAMLError, KeyError, TypeError, AttributeError):
        return


def _versions() -> str:
    packages = sorted(f"{each.metadata['Name']} {each.version}" for each in distributions())
    return "\n".join([f"{platform.platform()}, Python {platform.python_version()}", *packages])


def _environment() -> str:
    """Ours and Ray's; of the secret ones the names only."""
    ours = sorted((name, value) for name, value in os.environ.items() if name.startswith(PREFIXES))
    return "\n".join(f"{name}={'(set)' if SECRET_NAMES.search(name) else value}" for name, value in ours)
