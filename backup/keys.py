"""What opens a repository: something that wraps a secret, and gives it back to whoever may have it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol


class KeyProvider(Protocol):
    """Keeps nothing itself: what `wrap` gives lies in the repository."""

    @property
    def kind(self) -> str:
        """Which slots it may open: `passphrase`, `command`."""

    def wrap(self, secret: bytes) -> dict[str, str]:
        """The secret, of no use without this provider, and what is needed to unwrap it. Raises WrongKey."""

    def unwrap(self, wrapped: Mapping[str, str]) -> bytes:
        """Raises WrongKey when it was wrapped by another key, or was changed."""
