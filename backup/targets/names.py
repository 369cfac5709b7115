"""Names that every kind of place takes alike."""

from __future__ import annotations

import re

from backup.errors import TargetRefused

_PART = r"[A-Za-z0-9_-][A-Za-z0-9._-]*"
_NAME = re.compile(rf"{_PART}(/{_PART})*", re.ASCII)


def is_name(text: str) -> bool:
    """Whether it may be an object's name: no part of it is empty or begins with a dot."""
    return _NAME.fullmatch(text) is not None and len(text) <= 500


def check_name(name: str) -> str:
    """The name itself. Raises TargetRefused for one that would leave its place, or that a place may not take."""
    if not is_name(name):
        raise TargetRefused(f"'{name[:80]}' is no name for an object")
    return name
