"""Approximate search: usearch's graph over one byte a dimension, which proposes rows for exact ranking."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock

import numpy as np
from numpy.typing import NDArray
from usearch.index import Index

from serve_apps.faces import Embedding

CONNECTIVITY = 32
EXPANSION_ADD = 128
EXPANSION_SEARCH = 256
BATCH = 512
"""Rows added by one call while building; between calls a stop is noticed."""

FILLER = 2**40
"""Keys from here on are no rows: they fill the places of removed ones."""


class Graph:
    """Rows by number. One thread changes it, another may search meanwhile: each call has it alone.

    Numbers are rounded to `scale`ths, which moves a distance by some 0.002; the float32 rows decide in the end.
    """

    def __init__(self, scale: float, content: bytes | bytearray | None = None) -> None:
        """Empty, or from what `content()` gave. Trusts it: only what was authenticated may come here."""
        self.scale = scale
        self._lock = Lock()
        self._index = Index(
            ndim=128,
            metric="l2sq",
            dtype="i8",
            connectivity=CONNECTIVITY,
            expansion_add=EXPANSION_ADD,
            expansion_search=EXPANSION_SEARCH,
        )
        self._removed = 0
        self._fillers: list[int] = []
        if content is not None:
            self._index.load(content)
            keys = np.asarray(self._index.keys)
            self._fillers = keys[keys >= FILLER].tolist()

    def __len__(self) -> int:
        return len(self._index) - len(self._fillers)

    def near(self, embedding: Embedding, wanted: int) -> NDArray[np.intp]:
        """About the `wanted` nearest rows."""
        with self._lock:
            keys = self._index.search(self._rounded(embedding), wanted, threads=1).keys
        return keys[keys < FILLER].astype(np.intp)

    def put(self, row: int, embedding: Embedding | None) -> None:
        """A row as it is now; None: gone."""
        with self._lock:
            if self._index.remove(row, threads=1):
                self._removed += 1
            if embedding is None:
                return
            if self._fillers and not self._removed:
                self._index.remove(self._fillers.pop(), threads=1)
                self._removed += 1
            self._add(row, self._rounded(embedding))

    def extend(self, keys: NDArray[np.intp], embeddings: NDArray[np.float32]) -> None:
        """Many rows that are not in it yet; nobody searches it yet."""
        self._index.add(keys.astype(np.uint64), self._rounded(embeddings), threads=1)

    def content(self) -> bytes | bytearray:
        """The whole, without anything of a removed row: usearch keeps a removed vector until its place is taken."""
        with self._lock:
            noise = np.random.default_rng(len(self._index))
            while self._removed:
                key = FILLER + int(noise.integers(FILLER))
                self._add(key, noise.integers(-40, 41, 128).astype(np.int8))
                self._fillers.append(key)
        content = self._index.save()
        assert content is not None
        return content

    def _add(self, key: int, rounded: NDArray[np.int8]) -> None:
        self._index.add(key, rounded, threads=1)
        self._removed = max(0, self._removed - 1)

    def _rounded(self, embeddings: NDArray[np.float32]) -> NDArray[np.int8]:
        rounded: NDArray[np.int8] = np.clip(np.rint(embeddings * np.float32(self.scale)), -127, 127).astype(np.int8)
        return rounded


def build(
    count: int,
    chosen: Callable[[int, int], tuple[NDArray[np.intp], NDArray[np.float32]]],
    scale: float,
    go_on: Callable[[int], bool],
) -> Graph | None:
    """A graph of what `chosen` gives for the rows from one number to another; None when `go_on` says no.

    `go_on` hears of the number of rows that are done.
    """
    graph = Graph(scale)
    for first in range(0, count, BATCH):
        if not go_on(first):
            return None
        keys, embeddings = chosen(first, min(first + BATCH, count))
        if len(keys):
            graph.extend(keys, embeddings)
    return graph
