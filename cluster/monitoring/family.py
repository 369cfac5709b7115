"""What a metric is: its name, its help, and labels that take a bounded number of values, whoever sends them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

OTHER = "other"
"""In the place of a value that a label does not take."""

LONGEST_VALUE = 64
PREFIX = "ray_"
"""What Ray puts before every name; recording rules take it away again."""

Kind = Literal["counter", "gauge", "histogram"]


@dataclass(frozen=True, slots=True)
class Label:
    """Takes one of `values`, or else the first `most` different ones that come. Everything else is OTHER."""

    name: str
    values: tuple[str, ...] = ()
    most: int = 0


@dataclass(frozen=True, slots=True, eq=False)  # one object each, which is the key of every number
class Family:
    """A metric with its labels; `buckets` are a histogram's upper bounds, in `unit`."""

    name: str
    kind: Kind
    help: str
    labels: tuple[Label, ...] = ()
    unit: str = ""
    buckets: tuple[float, ...] = ()

    @property
    def exported(self) -> str:
        """As a scrape of Ray's has it; a histogram's `_bucket`, `_sum` and `_count` follow."""
        return PREFIX + self.name

    @property
    def most_series(self) -> int:
        """How many label sets a process can export at the most."""
        count = 1
        for label in self.labels:
            count *= (len(label.values) or label.most) + 1
        return count


class Bounds:
    """Remembers which values labels without a list have taken. Used by one thread."""

    def __init__(self) -> None:
        self._taken: dict[tuple[str, str], set[str]] = {}

    def of(self, family: Family, given: Sequence[str]) -> tuple[str, ...]:
        """The values that are exported. Raises ValueError for another number of labels than the family has."""
        return tuple(
            self._bounded(family.name, label, value) for label, value in zip(family.labels, given, strict=True)
        )

    def keep(self, family: Family, used: Sequence[Sequence[str]]) -> None:
        """Of the values that this family's labels have taken, those of these label sets; there is room for others."""
        for index, label in enumerate(family.labels):
            if not label.values:
                self._taken[family.name, label.name] = {values[index] for values in used}

    def _bounded(self, family: str, label: Label, value: str) -> str:
        if label.values:
            return value if value in label.values else OTHER
        taken = self._taken.setdefault((family, label.name), set())
        value = plain(value)
        if value not in taken:
            if len(taken) >= label.most:
                return OTHER
            taken.add(value)
        return value


def plain(value: str) -> str:
    """One short line that every reader of metrics takes; OTHER where nothing is left of it.

    What is longer ends in a digest: two paths that begin alike are two, and one that is well hides no other.
    """
    line = re.sub(r"[^\w .:/@+-]", "_", value, flags=re.ASCII).strip()
    if len(line) > LONGEST_VALUE:
        digest = hashlib.blake2b(value.encode("utf-8", "surrogatepass"), digest_size=4).hexdigest()
        line = f"{line[: LONGEST_VALUE - len(digest) - 1]}-{digest}"
    return line or OTHER
