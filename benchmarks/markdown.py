"""Figures as Markdown: a table, a number that may be missing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

MISSING = "-"


def number(value: Any, digits: int = 1, unit: str = "") -> str:
    """Rounded, with thousands apart; a dash where there is none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return MISSING
    return f"{value:,.{0 if isinstance(value, int) else digits}f}{unit}"


def percent(share: Any) -> str:
    """Of a share of 1."""
    return number(share * 100.0, 1, " %") if isinstance(share, int | float) else number(None)


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Lines, an empty one on each side; nothing without a row."""
    cells = [[cell.replace("|", r"\|") for cell in row] for row in rows]
    if not cells:
        return []
    rule = ["---", *["---:"] * (len(columns) - 1)]
    return ["", *(f"| {' | '.join(row)} |" for row in [list(columns), rule, *cells]), ""]


def picture(title: str, path: str | None) -> list[str]:
    """A line that shows it; nothing without one."""
    return ["", f"![{title}]({path})", ""] if path else []
