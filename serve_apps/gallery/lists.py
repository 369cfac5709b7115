"""Approximate search: faiss sorts rows into lists around centres, and proposes rows of the nearest lists.

Within the lists a row is 48 codes of 4 bits, compared by table look-ups in vector registers. That reads memory in
sequence where a graph of neighbours jumps about in it. faiss is imported where it is first needed: a recognizer with
a small gallery does without.
"""

from __future__ import annotations

from collections.abc import Callable
from math import ceil, isqrt
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from serve_apps.faces import Embedding
from serve_apps.gallery.chains import NOBODY
from serve_apps.gallery.growing import grown

CODES = "PCAR96,IVF{lists},PQ48x4fs"
"""96 of 128 dimensions, those in which the gallery's faces differ most, in pairs: as good as all of them in proposing
rows, and a sixth faster."""

PROBED = 0.35
PROBED_ROWS = 40_000
"""Lists that are searched: this share of them, and so many rows' more, which is everything in a gallery of 60,000.

Of a million, half of the nearest rows lie in the nearest 1 % of the lists, and one in a thousand beyond 28 %.
"""

PROPOSED = 8
"""Rows proposed for each one wanted, because codes order them roughly."""

ONE_QUERY = 10
"""faiss's way through the lists for a single question: 1.0 ms in a million where the one that it chooses takes 1.2."""

SAMPLE = 128
ROUNDS = 25
"""Rows for each list to learn the centres from, and how often the centres are moved. Half as many rows and ten rounds
leave lists of more uneven lengths, so that one search in a hundred takes a fifth longer."""

LEAST_SAMPLE = 2_048
Rows = NDArray[np.intp]


class Lists:
    """Rows by number. One thread changes it, another may search meanwhile.

    A row that changes gets a new entry, and its older one is dead until `scrub`: `_row_of` by entry, `_entry_of` by
    row.
    """

    def __init__(self, index: Any, row_of: NDArray[np.int32], made_for: int) -> None:
        import faiss

        self.made_for = made_for
        self._faiss = faiss
        self._index = index
        self._inverted = faiss.downcast_index(faiss.extract_index_ivf(index))
        self._inverted.implem = ONE_QUERY
        probed = ceil(self._inverted.nlist * min(1.0, PROBED + PROBED_ROWS / made_for))
        probing = faiss.SearchParametersIVF(nprobe=probed)
        self._parameters = faiss.SearchParametersPreTransform(index_params=probing)
        self._lock = Lock()
        self._row_of, self._entries = row_of, len(row_of)
        self._entry_of: NDArray[np.int32] = np.full(int(row_of.max(initial=NOBODY)) + 1, NOBODY, np.int32)
        live = np.flatnonzero(row_of != NOBODY)
        self._entry_of[row_of[live]] = live
        self._live = len(live)
        self._dead = int(self._inverted.invlists.compute_ntotal()) - self._live

    def __len__(self) -> int:
        return self._live

    @property
    def dead(self) -> int:
        """How many entries of changed rows are still there."""
        return self._dead

    def near(self, embedding: Embedding, wanted: int) -> Rows:
        """Rows among which are very likely the `wanted` nearest."""
        with self._lock:
            self._one_thread()
            query = embedding.reshape(1, -1)
            _, entries = self._index.search(query, wanted * PROPOSED, params=self._parameters)
            rows = self._row_of[entries[0][entries[0] >= 0]]
        found: Rows = rows[rows != NOBODY].astype(np.intp)
        return found

    def put(self, row: int, embedding: Embedding | None) -> None:
        """A row as it is now; None: gone."""
        with self._lock:
            older = int(self._entry_of[row]) if row < len(self._entry_of) else NOBODY
            if older != NOBODY:
                self._row_of[older] = self._entry_of[row] = NOBODY
                self._live -= 1
                self._dead += 1
            if embedding is not None:
                self._add(np.array([row]), embedding.reshape(1, -1))

    def extend(self, rows: Rows, embeddings: NDArray[np.float32]) -> None:
        """Many rows that are not in it yet."""
        if len(rows):
            with self._lock:
                self._add(rows, embeddings)

    def scrub(self, embeddings_of: Callable[[Rows], NDArray[np.float32]]) -> None:
        """Leave nothing of dead entries: the lists that have one are emptied and filled again."""
        if not self._dead:
            return
        lists = self._inverted.invlists
        for number in range(self._inverted.nlist):
            entries = self._faiss.rev_swig_ptr(lists.get_ids(number), lists.list_size(number)).astype(np.int64)
            kept = entries[self._row_of[entries] != NOBODY]
            if len(kept) == len(entries):
                continue
            embeddings = embeddings_of(self._row_of[kept].astype(np.intp))
            with self._lock:
                lists.resize(number, 0)
                self._one_thread()
                if len(kept):
                    self._index.add_with_ids(embeddings, kept)
        self._index.ntotal = self._inverted.ntotal = self._live
        self._dead = 0

    def content(self) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
        """What `restored` takes: faiss's bytes and the row of each entry."""
        return self._faiss.serialize_index(self._index), self._row_of[: self._entries]

    def _add(self, rows: Rows, embeddings: NDArray[np.float32]) -> None:
        first, last = self._entries, self._entries + len(rows)
        self._row_of = grown(self._row_of, first, len(rows))
        self._row_of[first:last] = rows
        known, needed = len(self._entry_of), int(rows.max()) + 1
        if needed > known:
            self._entry_of = grown(self._entry_of, known, needed - known)
            self._entry_of[known:] = NOBODY
        self._entry_of[rows] = np.arange(first, last)
        self._one_thread()
        self._index.add_with_ids(np.ascontiguousarray(embeddings), np.arange(first, last))
        self._entries = last
        self._live += len(rows)

    def _one_thread(self) -> None:
        self._faiss.omp_set_num_threads(1)  # OpenMP keeps this for each thread by itself


def lists_for(count: int) -> int:
    """How many lists for so many rows: looking at the centres then costs as much as looking at one list."""
    return max(1, isqrt(count))


def trained(sample: NDArray[np.float32], count: int) -> Lists:
    """Empty lists for about `count` rows like those of `sample`, which should have `SAMPLE` for each list."""
    import faiss

    faiss.omp_set_num_threads(1)
    if len(sample) < LEAST_SAMPLE:  # faiss wants more rows than there are codes; near copies add none
        dice = np.random.default_rng(0)
        sample = sample[np.arange(LEAST_SAMPLE) % len(sample)]
        sample = sample + dice.normal(0, 1e-4, sample.shape).astype(np.float32)
    index = faiss.index_factory(128, CODES.format(lists=lists_for(count)))
    inverted = faiss.downcast_index(faiss.extract_index_ivf(index))
    for clustering in (inverted.cp, inverted.pq.cp):
        clustering.min_points_per_centroid = 1  # or it warns on standard error
    inverted.cp.niter = ROUNDS
    index.train(sample)
    return Lists(index, np.empty(0, np.int32), count)


def restored(content: bytearray, row_of: NDArray[np.int32], made_for: int) -> Lists:
    """Lists from their content. faiss trusts it: only what was authenticated may come here."""
    import faiss

    return Lists(faiss.deserialize_index(np.frombuffer(content, np.uint8)), row_of, made_for)
