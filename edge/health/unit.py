"""The systemd unit of a box, with its own paths."""

from __future__ import annotations

import shutil
import sys
from importlib.resources import files
from pathlib import Path

from edge.errors import SettingsInvalid


def unit(config: Path) -> str:
    """Return the unit file that runs this installation with these settings. Raises SettingsInvalid."""
    beside = Path(sys.executable).parent / "doorbell-edge"
    executable = str(beside) if beside.exists() else shutil.which("doorbell-edge")
    if executable is None:
        raise SettingsInvalid("doorbell-edge is not installed here", 'pip install "doorbell-cluster[edge]"')
    for name, path in (("the program", executable), ("--config", str(config))):
        if not path.startswith("/") or set(path) & set(" \t\n\"'\\%$"):
            raise SettingsInvalid(f"{name} {path!r} cannot stand in a unit file", "use an absolute path without blanks")
    template = files("edge.health").joinpath("systemd/doorbell-edge.service").read_text(encoding="utf-8")
    body = template[template.index("[Unit]") :]
    return body.replace("@EXECUTABLE@", executable).replace("@CONFIG@", str(config))
