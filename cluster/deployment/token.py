"""The token that Ray's dashboard asks for."""

from __future__ import annotations

import os
from pathlib import Path

from cluster.deployment.control import TokenRefused


def token_of(data: Path) -> str:
    """The token of a data folder's cluster, or the one that the environment gives Ray's own commands.

    Raises TokenRefused when there is neither.
    """
    file, given = data / "ray_token", os.environ.get("RAY_AUTH_TOKEN_PATH", "")
    for each in (file, Path(given)) if given else (file,):
        if each.is_file():
            return each.read_text().strip()
    if token := os.environ.get("RAY_AUTH_TOKEN", "").strip():
        return token
    raise TokenRefused(
        f"{file} is missing: no cluster was ever started with this data folder; "
        "of another cluster give RAY_AUTH_TOKEN_PATH"
    )
