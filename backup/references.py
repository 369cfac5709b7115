"""Which chunks the snapshots need."""

from __future__ import annotations

from collections.abc import Iterable

from backup.ahead import ahead
from backup.encoding import page_from
from backup.manifest import Manifest
from backup.repository import Repository


class References:
    """Reads each page once, however many snapshots share it, and keeps its ids."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._pages: dict[str, frozenset[str]] = {}
        self._ids: dict[str, str] = {}

    def marked(self, manifests: Iterable[Manifest]) -> set[str]:
        """Every chunk that one of them needs, pages included. Raises Damaged, NoSuchObject."""
        pages = {page for manifest in manifests for collection in manifest.collections for page in collection.pages}
        unread = sorted(pages - self._pages.keys())
        for page, content in zip(unread, self._repository.get_many(unread), strict=True):
            chunks = (chunk for each in page_from(content) for chunk in each.chunks)
            # Pages repeat what others list; one string of each id will do.
            self._pages[page] = frozenset(self._ids.setdefault(chunk, chunk) for chunk in chunks)
        return pages.union(*(self._pages[page] for page in pages))

    def manifests(self) -> dict[str, Manifest]:
        """Of all snapshots that are there now. Raises Damaged, NewerSchema."""
        ids = self._repository.ids()
        return dict(zip(ids, ahead(self._repository.manifest, ids), strict=True))
