"""Where a large gallery's index is kept between two runs of a recognizer."""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cluster.security.keyring import KeyringError
from serve_apps.gallery.chains import NOBODY
from serve_apps.gallery.growing import room_for
from serve_apps.gallery.lists import Lists, restored
from serve_apps.gallery.rows import Rows
from serve_apps.gallery.saved import Header, SavedIndex, SavedIndexError, save
from serve_apps.gallery.search import Search
from serve_apps.gallery.store import Gallery

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Who owned which row at a version: `owners` n numbers of `ids`.

    The embeddings are read from `rows` while they are written, so some may be newer than the version. Those belong to
    persons who changed after it, whom a reader takes from the gallery anyway.
    """

    version: int
    rows: Rows
    ids: NDArray[np.bytes_]
    standings: NDArray[np.uint8]
    owners: NDArray[np.int32]


def snapshot(rows: Rows, version: int) -> Snapshot:
    """Copies all but the embeddings; persons without a row are left out."""
    owners = rows.owners[: rows.count]
    numbers = np.unique(owners)
    numbers = numbers[numbers != NOBODY]
    fresh = np.full(rows.people.count + 1, NOBODY, np.int32)  # the last one is nobody's
    fresh[numbers] = np.arange(len(numbers))
    return Snapshot(version, rows, rows.people.ids[numbers], rows.people.standings[numbers], fresh[owners])


class Archive:
    """One file for each embedding space, which the recognizers of one data folder share."""

    def __init__(self, folder: Path, gallery: Gallery, space: str) -> None:
        self.path = folder / f"{space}.index"
        self._gallery = gallery
        self.keyring = gallery.keyring
        self._space = space

    def load(self) -> tuple[Search, int] | None:
        """The index and the version it is of; None, and a line in the log, when there is none that can be used."""
        if not self.path.exists():
            return None
        try:
            return self._loaded()
        except (SavedIndexError, OSError) as error:
            log.warning("gallery.saved_index_unusable, reading the database instead: %s", error)
            return None

    def is_behind(self, version: int, changes: int) -> bool:
        """Whether a restart could not use the file, or would have to read so many changes."""
        try:
            with SavedIndex(self.path, self.keyring.file_key) as saved:
                return version - saved.header.version >= changes
        except SavedIndexError:
            return True

    @contextmanager
    def alone(self, wait: bool) -> Iterator[bool]:
        """Whether nobody else makes or saves this index meanwhile; False only without `wait`."""
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(self.path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            except BlockingIOError:
                yield False
            else:
                yield True
        finally:
            os.close(descriptor)

    def save(self, key_id: str, key: bytes, taken: Snapshot, lists: Lists) -> int:
        """Write over the older one, whose key is destroyed; the bytes written.

        Raises KeyringError when somebody in the snapshot was erased before the key was made. Whoever is erased later
        takes the key along; so in no order of events an erased person is in a file that can be read.
        """
        erased = self.keyring.without_key([person_id.decode() for person_id in taken.ids.tolist()])
        if erased:
            raise KeyringError(f"{len(erased)} persons were erased meanwhile")
        content, row_of = lists.content()
        embeddings = taken.rows.embeddings[: len(taken.owners)]
        sections: dict[str, memoryview] = {}
        for name, array in (
            ("lists", content),
            ("entries", row_of),
            ("ids", taken.ids),
            ("standings", taken.standings),
            ("owners", taken.owners),
            ("embeddings", embeddings),
        ):
            sections[name] = _bytes(array)
        header = Header(
            space=self._space,
            key_id=key_id,
            version=taken.version,
            history=self._gallery.history(taken.version),
            embeddings=int(np.count_nonzero(taken.owners != NOBODY)),
            id_bytes=taken.ids.dtype.itemsize,
            made_for=lists.made_for,
            sections={name: len(section) for name, section in sections.items()},
        )
        older = self._key_id()
        size = save(self.path, header, key, list(sections.values()))
        if older is not None:
            self.keyring.destroy_file_key(older)
        return size

    def _key_id(self) -> str | None:
        try:
            with SavedIndex(self.path, lambda key_id: bytes(32)) as saved:
                return saved.header.key_id
        except SavedIndexError:
            return None

    def _loaded(self) -> tuple[Search, int]:
        with SavedIndex(self.path, self.keyring.file_key) as saved:
            header = saved.header
            if header.space != self._space or self._gallery.history(header.version) != header.history:
                raise SavedIndexError(f"{self.path}: the saved index is of another gallery or another past")
            content, row_of = saved.read("lists"), np.frombuffer(saved.read("entries"), np.int32)
            # Rows that came while the lists were saved are not in this file; the gallery gives them their places anew.
            row_of[row_of >= header.sections["owners"] // np.dtype(np.int32).itemsize] = NOBODY
            lists = restored(content, row_of, header.made_for)
            del content
            ids = np.frombuffer(saved.read("ids"), f"S{header.id_bytes}")
            standings = np.frombuffer(saved.read("standings"), np.uint8)
            owners = np.frombuffer(saved.read("owners"), np.int32)
            embeddings = np.empty((room_for(len(owners)), 128), np.float32)
            saved.read_into(_bytes(embeddings[: len(owners)]))
            saved.finish()
        search = Search(Rows())
        search.rows.restore(ids, standings, owners, embeddings)
        search.lists = lists
        return search, header.version


def _bytes(array: NDArray[np.generic]) -> memoryview:
    return array.reshape(-1).view(np.uint8).data
