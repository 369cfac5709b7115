"""Which rows each person has: linked lists in two arrays, so that changing one person's rows looks at no others'."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from serve_apps.gallery.growing import grown

NOBODY = -1
"""The owner of a free row, and the end of a chain."""


class Chains:
    """`_heads` by person, `_next` by row."""

    def __init__(self) -> None:
        self._heads: NDArray[np.int32] = np.empty(0, np.int32)
        self._next: NDArray[np.int32] = np.empty(0, np.int32)

    def begin(self, first: int, count: int) -> None:
        """New persons from number `first` to before `count`, without rows."""
        self._heads = grown(self._heads, first, count - first)
        self._heads[first:count] = NOBODY

    def make_room(self, used: int, more: int) -> None:
        """Room for more rows."""
        self._next = grown(self._next, used, more)

    def rows_of(self, number: int) -> list[int]:
        """A person's rows."""
        rows, row = [], int(self._heads[number])
        while row != NOBODY:
            rows.append(row)
            row = int(self._next[row])
        return rows

    def put(self, number: int, rows: Sequence[int]) -> None:
        """These are a person's rows."""
        self._heads[number] = rows[0] if rows else NOBODY
        for row, following in zip(rows, [*rows[1:], NOBODY], strict=False):
            self._next[row] = following

    def load(self, first: int, owners: NDArray[np.int32]) -> None:
        """Rows from number `first` on, of owners who have none yet; NOBODY's are passed over."""
        order = np.argsort(owners, kind="stable")
        order = order[owners[order] != NOBODY]
        sequence = owners[order]
        begins = np.ones(len(order), bool)
        begins[1:] = sequence[1:] != sequence[:-1]
        following = np.full(len(order), NOBODY, np.int32)
        following[:-1] = np.where(begins[1:], NOBODY, order[1:] + first)
        self._next[first : first + len(owners)] = NOBODY
        self._next[order + first] = following
        self._heads[sequence[begins]] = order[begins] + first
