"""Places in a config, and what is said of a key that there is not."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator

Place = tuple[str | int, ...]
"""Keys and numbers from the config downwards."""

Found = Iterator[tuple[Place, str]]
"""Places, and what is wrong there."""


def no_such_key(key: object, known: Iterable[str]) -> str:
    """With the nearest right one."""
    nearest = difflib.get_close_matches(str(key), sorted(known), 1)
    return "no such key" + (f"; did you mean {nearest[0]}?" if nearest else "")
