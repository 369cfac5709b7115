"""What a large gallery needs beside searching: its lists are made, tended and saved, on their own thread."""

from __future__ import annotations

import logging
import threading
import time

import numpy as np

from cluster.security.keyring import KeyringError
from serve_apps.gallery.archive import Archive
from serve_apps.gallery.index import GalleryIndex
from serve_apps.gallery.lists import LEAST_SAMPLE, SAMPLE, Lists, lists_for, trained

log = logging.getLogger(__name__)

APPROXIMATE_FROM = 10_000
"""Embeddings from which lists are faster than exact search: 0.2 ms each at 7,500, 0.25 and 1.0 ms at 20,000, 0.6 and
3.8 ms at 100,000 (one thread, AMD EPYC)."""

OUTGROWN = 4
"""Lists are made anew when the gallery is so many times what they were made for."""

SCRUB_FROM = 0.2
"""Dead entries to live ones."""

SAVE_AFTER_CHANGES = 5_000
"""Changes that a restart may read after the saved index: a second's work."""

SAVE_SECONDS = 300.0
"""Between two saves, however often persons are erased."""

ROUND_SECONDS = 2.0
MERGED_AT_ONCE = 1_000
BATCH = 4_096
"""Rows added at once while lists are made; between, a stop is noticed and the gallery may change."""


class Keeper:
    """Tends one index. Until there are lists, and wherever they fail, exact search answers."""

    def __init__(self, index: GalleryIndex, archive: Archive, approximate_from: int = APPROXIMATE_FROM) -> None:
        self._index = index
        self._archive = archive
        self._from = approximate_from
        self._saved_at = -SAVE_SECONDS
        self._outdated = -1
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="keeper", daemon=True)

    def start(self) -> None:
        """Tend until the process ends or `stop`."""
        self._thread.start()

    def stop(self, seconds: float) -> bool:
        """End at the next opportunity; whether it came in so many seconds."""
        self._ended.set()
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def tend(self, now: float) -> None:
        """One round; `now` in seconds of any clock that never goes back."""
        index, lists = self._index, self._index.search.lists
        if lists is None and index.live >= self._from:
            self._obtain(now)
        elif lists is not None and index.live < self._from // 2:
            index.use(None)
        elif lists is not None and index.live > OUTGROWN * lists.made_for:
            self._make(now)
        elif lists is not None:
            index.merge(MERGED_AT_ONCE)
            if lists.dead > SCRUB_FROM * len(lists):
                lists.scrub(index.embeddings_of)
            self._save_when_due(lists, now)

    def _run(self) -> None:
        while not self._ended.is_set():
            try:
                self.tend(time.monotonic())
            except Exception:  # the outermost loop: exact search goes on, and the next round tries again
                log.exception("gallery.index_not_tended")
            self._ended.wait(ROUND_SECONDS)

    def _obtain(self, now: float) -> None:
        """Another recognizer's lists, that it saved while this one waited for its turn, or new ones."""
        with self._archive.alone(wait=True):
            loaded = self._archive.load()
            if loaded is not None:
                self._index.replace(*loaded)
            else:
                self._make(now)

    def _make(self, now: float) -> None:
        count, started = self._index.begin_lists(), time.monotonic()
        lists = trained(self._sample(count), self._index.live)
        for first in range(0, count, BATCH):
            if self._ended.is_set():
                return
            lists.extend(*self._index.part(first, min(first + BATCH, count)))
        self._index.use(lists)
        log.info("gallery.lists_made embeddings=%d seconds=%.0f", len(lists), time.monotonic() - started)
        self._save(lists, now)

    def _sample(self, count: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        """Enough rows of everywhere to learn from; rows that became free meanwhile are passed over."""
        wanted = min(count, max(LEAST_SAMPLE, SAMPLE * lists_for(count)))
        rows = np.random.default_rng(0).choice(count, wanted, replace=False)
        embeddings = self._index.embeddings_of(rows)
        return embeddings[embeddings.any(axis=1)]

    def _save_when_due(self, lists: Lists, now: float) -> None:
        if now - self._saved_at < SAVE_SECONDS or self._index.version <= self._outdated:
            return
        with self._archive.alone(wait=False) as alone:
            if alone and self._archive.is_behind(self._index.version, SAVE_AFTER_CHANGES):
                self._save(lists, now)

    def _save(self, lists: Lists, now: float) -> None:
        """The key comes first: a person erased from here on takes it along, one erased before is looked for.

        Where that person is still here, as long as no frame has asked for a newer gallery, the next try waits for one.
        """
        self._saved_at = now
        keyring = self._archive.keyring
        key_id, key = keyring.create_file_key()
        taken = self._index.snapshot()
        try:
            while self._index.merge(MERGED_AT_ONCE):
                pass
            lists.scrub(self._index.embeddings_of)  # or the file would still hold what was erased before
            size = self._archive.save(key_id, key, taken, lists)
        except KeyringError as error:
            keyring.destroy_file_key(key_id)
            self._saved_at, self._outdated = -SAVE_SECONDS, taken.version
            log.info("gallery.index_not_saved: %s", error)
        except BaseException:
            keyring.destroy_file_key(key_id)
            raise
        else:
            log.info("gallery.index_saved version=%d bytes=%d", taken.version, size)
