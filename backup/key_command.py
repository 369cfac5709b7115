"""A program as the key of a repository: the door to a KMS, an HSM, or whatever keeps keys where you are."""

from __future__ import annotations

import base64
import shlex
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass

from backup.errors import WrongKey

SECONDS = 60
MOST_WRAPPED = 2**16


@dataclass(frozen=True, slots=True)
class KeyCommand:
    """Runs `command wrap` and `command unwrap`: bytes in at stdin, bytes out at stdout, status 0."""

    command: str

    @property
    def kind(self) -> str:
        return "command"

    def wrap(self, secret: bytes) -> dict[str, str]:
        """Proved by unwrapping at once; a program that leaves the secret readable is refused."""
        wrapped = self._run("wrap", secret)
        if secret in wrapped or self._run("unwrap", wrapped) != secret:
            raise WrongKey(f"'{self.command}' does not wrap: what it gives is readable, or does not come back")
        return {"wrapped": base64.b64encode(wrapped).decode()}

    def unwrap(self, wrapped: Mapping[str, str]) -> bytes:
        try:
            sealed = base64.b64decode(wrapped["wrapped"], validate=True)
        except (KeyError, ValueError) as error:
            raise WrongKey(f"'{self.command}': the slot is damaged") from error
        return self._run("unwrap", sealed)

    def _run(self, act: str, data: bytes) -> bytes:
        try:
            # The operator names the program; nothing of it comes from the repository.
            done = subprocess.run([*shlex.split(self.command), act], input=data, capture_output=True, timeout=SECONDS)  # noqa: S603
        except (OSError, ValueError, subprocess.TimeoutExpired) as error:
            raise WrongKey(f"'{self.command} {act}' cannot be run: {error}") from error
        if done.returncode or not 0 < len(done.stdout) <= MOST_WRAPPED:
            said = done.stderr.decode(errors="replace").strip().splitlines()[-1:] or [f"{len(done.stdout)} bytes"]
            raise WrongKey(f"'{self.command} {act}' ended with {done.returncode}: {said[0][:200]}")
        return done.stdout
