"""The metrics as docs/monitoring.md has them: `python -m cluster.monitoring.table` prints the table."""

from __future__ import annotations

from collections.abc import Iterator

from cluster.monitoring.family import OTHER, Family, Label
from cluster.monitoring.metrics import FAMILIES

FEW = 12
"""Values that are named; of more the number is said."""


def lines() -> Iterator[str]:
    """Markdown."""
    yield "| metric | kind | labels | what it says |"
    yield "| --- | --- | --- | --- |"
    for family in FAMILIES:
        yield f"| `{family.name}` | {family.kind} | {labels(family)} | {family.help} |"


def labels(family: Family) -> str:
    """Each with the values that it takes."""
    return "; ".join(f"`{label.name}`: {taken(label)}" for label in family.labels)


def taken(label: Label) -> str:
    """A label's values, in words."""
    if not label.values:
        return f"at most {label.most:,}"
    if len(label.values) > FEW:
        return f"one of {len(label.values)}, {OTHER}"
    return ", ".join(label.values)


if __name__ == "__main__":
    print("\n".join(lines()))
