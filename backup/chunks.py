"""What lies in a repository, opened: its chunks and everything else that is sealed."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterable, Iterator

from backup import slots
from backup.ahead import ahead
from backup.encoding import page_from
from backup.errors import AnotherRepository, Damaged, NoSuchObject
from backup.failpoints import reached
from backup.keys import KeyProvider
from backup.manifest import Range
from backup.sealing import Kind, Sealer
from backup.targets.target import Stored, Target
from backup.writing import chunk_name, content_of

_CHUNK = re.compile(r"chunks/([0-9a-f]{2})/(\1[0-9a-f]{62}(?:-[0-9a-f]{8})?)", re.ASCII)


class Chunks:
    """Opened with one of the keys. Safe to share between threads."""

    def __init__(self, target: Target, repository_id: str, providers: tuple[KeyProvider, ...]) -> None:
        self.target = target
        self.id = repository_id
        self._providers = providers
        self._slots: list[Stored] = []
        self._condemned: dict[str, frozenset[str]] = {}
        self.refresh()

    def refresh(self) -> None:
        """Take note of keys that were added, removed or rotated since. Raises NoRepository, WrongKey."""
        found = list(self.target.list(slots.FOLDER))
        if found == self._slots and found:
            return
        read = slots.read(self.target)
        self.secrets, generation = slots.opened(read, self._providers, self.target.place)
        if self.secrets.repository != self.id:
            raise AnotherRepository(f"{self.target.place}/repository: damaged, or of another repository than its keys")
        self._sealer = Sealer(self.secrets, generation)
        self._slots = found

    def sealed(self, kind: Kind, name: str, plain: bytes) -> bytes:
        """Bound to this repository, the kind and the name."""
        return self._sealer.seal(kind, name, plain)

    def opened(self, kind: Kind, name: str, data: bytes) -> bytes:
        """Raises Damaged."""
        return self._sealer.open(kind, name, data)

    def get(self, chunk_id: str) -> bytes:
        """A chunk's content, which is what its id says. Raises Damaged, NoSuchObject."""
        return self.checked(chunk_id, self.target.get(chunk_name(chunk_id)))

    def get_many(self, chunk_ids: Iterable[str]) -> Iterator[bytes]:
        """`get` in order, four at once and at the most eight ahead."""
        return ahead(self.get, chunk_ids)

    def checked(self, chunk_id: str, sealed: bytes) -> bytes:
        """The content of a chunk as it lies on a target. Raises Damaged."""
        plain = self._sealer.open("chunk", chunk_id, sealed)
        if self._sealer.content_hash(plain) != content_of(chunk_id):
            raise Damaged(f"chunk {chunk_id}: its content is not what its id says")
        return plain

    def page(self, chunk_id: str) -> list[Range]:
        return page_from(self.get(chunk_id))

    def chunks(self) -> Iterator[tuple[str, Stored]]:
        """Every chunk's id, and what the target says of it."""
        for stored in self.target.list("chunks/"):
            if found := _CHUNK.fullmatch(stored.name):
                yield found[2], stored

    def condemned(self) -> dict[str, frozenset[str]]:
        """By prune's mark, the chunks that it is about to delete. Marks are never changed, so each is read once."""
        names = [stored.name for stored in self.target.list("condemned/")]
        self._condemned = {name: self._condemned.get(name) or self.mark(name) for name in names}
        return self._condemned

    def condemn(self, chunk_ids: Iterable[str]) -> None:
        """From now on no snapshot takes these for there; prune deletes them when no snapshot has needed them since."""
        content = json.dumps({"chunks": sorted(chunk_ids)}).encode()
        if content != b'{"chunks": []}':
            name = f"condemned/{secrets.token_hex(8)}"
            reached("prune.before_condemn")
            self.target.put(name, self.sealed("condemned", name, content))
            reached("prune.after_condemn")

    def mark(self, name: str) -> frozenset[str]:
        """The chunks that one of prune's marks names; none where it is gone. Raises Damaged."""
        try:
            data = self.target.get(name)
        except NoSuchObject:  # prune has ended with it meanwhile
            return frozenset()
        return frozenset(json.loads(self.opened("condemned", name, data))["chunks"])
