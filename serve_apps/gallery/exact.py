"""Exact search: every row is looked at."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from serve_apps.faces import Embedding
from serve_apps.gallery.chains import NOBODY
from serve_apps.gallery.rows import Rows

FEW = 256
"""So many rows are all measured by the distance formula itself; more are sieved by a matrix product first."""

ROUNDING = 4 * 132 * 2.0**-24
"""How far two squared distances of 128 float32 terms may be off, in parts of the largest (|row| + |embedding|)²."""


def near(rows: Rows, embedding: Embedding, wanted: int) -> tuple[NDArray[np.intp], bool]:
    """Rows among which are the `wanted` nearest and whatever is as near; whether these are all there are.

    |r - e|² = |r|² - 2 r·e + |e|² needs one pass over the rows, and rounds otherwise than the distance itself does;
    so rows that rounding could have put on the wrong side are among them.
    """
    count = rows.count
    if count <= FEW or wanted >= count:
        return np.flatnonzero(rows.owners[:count] != NOBODY), True
    squared = rows.embeddings[:count] @ (np.float32(-2) * embedding)
    squared += rows.norms[:count]
    limit = np.partition(squared, wanted - 1)[wanted - 1]
    if not np.isfinite(limit):
        return np.flatnonzero(rows.owners[:count] != NOBODY), True
    slack = ROUNDING * (rows.largest_norm**0.5 + float(np.linalg.norm(embedding))) ** 2
    return np.flatnonzero(squared <= limit + np.float32(slack)), False
