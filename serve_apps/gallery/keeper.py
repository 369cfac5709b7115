"""What a large gallery needs beside searching: its graph is made, kept up to date and saved, on a thread of its own."""

from __future__ import annotations

import logging
import threading
import time

import numpy as np

from cluster.security.keyring import KeyringError
from serve_apps.gallery.archive import Archive
from serve_apps.gallery.graph import Graph, build
from serve_apps.gallery.index import GalleryIndex

log = logging.getLogger(__name__)

APPROXIMATE_FROM = 20_000
"""Embeddings from which a graph is faster than exact search."""

SAVE_AFTER_CHANGES = 5_000
"""Changes that a restart may read after the saved index: a second's work."""

SAVE_SECONDS = 300.0
"""Between two saves, however often persons are erased."""

ROUND_SECONDS = 2.0
MERGED_AT_ONCE = 1_000


class Keeper:
    """Tends one index. Until the graph is there, and wherever it fails, exact search answers."""

    def __init__(self, index: GalleryIndex, archive: Archive, approximate_from: int = APPROXIMATE_FROM) -> None:
        self._index = index
        self._archive = archive
        self._from = approximate_from
        self._saved_at = -SAVE_SECONDS
        self._ended = threading.Event()

    def start(self) -> None:
        """Tend until the process ends or `stop`."""
        threading.Thread(target=self._run, name="keeper", daemon=True).start()

    def stop(self) -> None:
        """Ends at the next opportunity."""
        self._ended.set()

    def tend(self, now: float) -> None:
        """One round; `now` in seconds of any clock that never goes back."""
        graph = self._index.search.graph
        if self._index.live < self._from // 2 and graph is not None:
            self._index.use(None)
        elif self._index.live >= self._from and graph is None:
            self._obtain(now)
        elif graph is not None:
            self._index.merge(MERGED_AT_ONCE)
            self._save_when_due(now)

    def _run(self) -> None:
        while not self._ended.is_set():
            try:
                self.tend(time.monotonic())
            except Exception:  # the outermost loop: exact search goes on, and the next round tries again
                log.exception("gallery.index_not_tended")
            self._ended.wait(ROUND_SECONDS)

    def _obtain(self, now: float) -> None:
        """A graph: another recognizer's, that it saved while this one waited for its turn, or a new one."""
        with self._archive.alone(wait=True):
            loaded = self._archive.load()
            if loaded is not None:
                self._index.replace(*loaded)
                return
            graph = self._built()
            if graph is not None:
                self._index.use(graph)
                self._save(graph, now)

    def _built(self) -> Graph | None:
        count, started = self._index.begin_graph(), time.monotonic()
        log.info("gallery.graph_begun embeddings=%d", count)
        graph = build(count, self._index.part, self._scale(count), lambda done: not self._ended.is_set())
        log.info("gallery.graph_built embeddings=%d seconds=%.0f", count, time.monotonic() - started)
        return graph

    def _scale(self, count: int) -> float:
        """What makes the largest number 127."""
        parts = (self._index.part(first, first + 10_000)[1] for first in range(0, count, 10_000))
        return 127 / max((float(np.abs(part).max(initial=1e-6)) for part in parts), default=1.0)

    def _save_when_due(self, now: float) -> None:
        graph = self._index.search.graph
        if graph is None or now - self._saved_at < SAVE_SECONDS:
            return
        with self._archive.alone(wait=False) as alone:
            if alone and self._archive.is_behind(self._index.version, SAVE_AFTER_CHANGES):
                self._save(graph, now)

    def _save(self, graph: Graph, now: float) -> None:
        """The key comes first: a person erased from here on takes it along, one erased before is looked for."""
        self._saved_at = now
        keyring = self._archive.keyring
        key_id, key = keyring.create_file_key()
        try:
            taken = self._index.snapshot()
            while self._index.search.stale:  # or the graph would still hold what was erased before
                self._index.merge(MERGED_AT_ONCE)
            size = self._archive.save(key_id, key, taken, graph)
        except KeyringError as error:
            keyring.destroy_file_key(key_id)
            self._saved_at = -SAVE_SECONDS
            log.info("gallery.index_not_saved: %s", error)
        except BaseException:
            keyring.destroy_file_key(key_id)
            raise
        else:
            log.info("gallery.index_saved version=%d bytes=%d", taken.version, size)
