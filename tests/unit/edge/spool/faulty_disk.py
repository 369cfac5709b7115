"""A disk in memory that knows what is durable and what only lies in the page cache, fails when told, and loses power.

After a power cut, of everything that was not synced, any part may be there: a file's data by prefix or page of 4096
bytes, a folder's names one by one, so that a rename may leave both names, either, or none. Room is free again when the
removal is synced. A file whose fsync failed is never made durable by a later one, as on Linux.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from edge.spool.disk import Disk

PAGE = 4096


class PowerCut(BaseException):
    """The power is gone; nothing that runs now has any effect."""


@dataclass(eq=False)
class Inode:
    cached: bytearray = field(default_factory=bytearray)
    durable: bytes = b""
    lost: bool = False


class FaultyDisk(Disk):
    def __init__(self, random: Random) -> None:
        self.random = random
        self.names_now: dict[Path, Inode] = {}
        self.names_durable: dict[Path, Inode] = {}
        self.folders: set[Path] = set()
        self.open_files: dict[int, Inode] = {}
        self.locked: dict[int, Path] = {}
        self.cut_in: int | None = None
        self.fault_in: int | None = None
        self.fault = 0
        self.sticky = False
        self.raised: list[int] = []
        self.capacity: int | None = None
        self.dead = False
        self._last_descriptor = 100

    # What a test does to it.

    def fail(self, after: int, number: int, *, sticky: bool = False) -> None:
        self.fault_in, self.fault, self.sticky = after, number, sticky

    def heal(self) -> None:
        self.fault_in = self.cut_in = self.capacity = None
        self.sticky = False

    def kill(self) -> None:
        """End the process; the cache lives on."""
        self.open_files.clear()
        self.locked.clear()
        self.dead = False

    def cut_power(self) -> None:
        paths = sorted(self.names_now.keys() | self.names_durable.keys())
        chosen = {path: self.random.choice((self.names_now, self.names_durable)).get(path) for path in paths}
        self.names_durable = {path: inode for path, inode in chosen.items() if inode is not None}
        for inode in dict.fromkeys(self.names_durable.values()):
            inode.cached = bytearray(inode.durable if inode.durable == inode.cached else self._torn(inode))
            inode.durable, inode.lost = bytes(inode.cached), False
        self.names_now = dict(self.names_durable)
        self.kill()

    def used(self) -> int:
        return sum(len(inode.cached) for inode in {*self.names_now.values(), *self.names_durable.values()})

    # What the spool does with it.

    def lock(self, path: Path) -> int:
        self._step()
        if path in self.locked.values():
            raise BlockingIOError(errno.EAGAIN, "locked")
        self.locked[self._descriptor()] = path
        return self._last_descriptor

    def make_folder(self, folder: Path) -> None:
        if folder not in self.folders:
            self._step()
            self.folders.add(folder)

    def names(self, folder: Path) -> list[str]:
        self._step()
        return [path.name for path in self.names_now if path.parent == folder]

    def head(self, path: Path, most: int) -> tuple[bytes, int]:
        data = self.read(path)
        return data[:most], len(data)

    def read(self, path: Path) -> bytes:
        self._step()
        return bytes(self._inode(path).cached)

    def create(self, path: Path) -> int:
        self._step()
        if path in self.names_now:
            raise FileExistsError(errno.EEXIST, "exists")
        if path.parent not in self.folders:
            raise FileNotFoundError(errno.ENOENT, "no folder")
        inode = self.names_now[path] = Inode()
        self.open_files[self._descriptor()] = inode
        return self._last_descriptor

    def write(self, descriptor: int, data: memoryview) -> int:
        inode = self.open_files[descriptor]
        some = self.random.choice((len(data), self.random.randint(1, len(data))))
        self._step(lambda: inode.cached.extend(data[: some // 2]))
        room = some if self.capacity is None else min(some, self.capacity - self.used())
        if room <= 0:
            self._raise(errno.ENOSPC)
        inode.cached += data[:room]
        return room

    def fsync(self, descriptor: int) -> None:
        inode = self.open_files[descriptor]
        self._step(lambda: setattr(inode, "lost", True))
        if not inode.lost:
            inode.durable = bytes(inode.cached)

    def close(self, descriptor: int) -> None:
        if self.dead:
            raise PowerCut
        self.open_files.pop(descriptor, None)
        self.locked.pop(descriptor, None)

    def rename(self, path: Path, to: Path) -> None:
        self._step(lambda: self._move(path, to) if self.random.random() < 0.5 else None)
        self._move(path, to)

    def unlink(self, path: Path) -> None:
        self._step(lambda: self.names_now.pop(path, None) if self.random.random() < 0.5 else None)
        self.names_now.pop(path, None)

    def fsync_folder(self, folder: Path) -> None:
        self._step()
        others = {path: inode for path, inode in self.names_durable.items() if path.parent != folder}
        self.names_durable = others | {path: inode for path, inode in self.names_now.items() if path.parent == folder}

    def _step(self, half_done: Callable[[], object] = lambda: None) -> None:
        """Count one operation: it may never happen, fail, or fail when it was half done."""
        if self.cut_in is not None:
            self.cut_in -= 1
            self.dead = self.dead or self.cut_in < 0
        if self.dead:
            raise PowerCut
        if self.fault_in is not None:
            self.fault_in -= 1
            if self.fault_in < 0:
                self.fault_in = 0 if self.sticky else None
                half_done()
                self._raise(self.fault)

    def _raise(self, number: int) -> None:
        self.raised.append(number)
        raise OSError(number, os.strerror(number))

    def _inode(self, path: Path) -> Inode:
        if path not in self.names_now:
            raise FileNotFoundError(errno.ENOENT, "missing")
        return self.names_now[path]

    def _move(self, path: Path, to: Path) -> None:
        inode = self._inode(path)
        if to.parent not in self.folders:
            raise FileNotFoundError(errno.ENOENT, "no folder")
        del self.names_now[path]
        self.names_now[to] = inode

    def _descriptor(self) -> int:
        self._last_descriptor += 1
        return self._last_descriptor

    def _torn(self, inode: Inode) -> bytes:
        data = bytes(inode.cached)
        prefix = data[: self.random.randint(0, len(data))]
        pages = [data[at : at + PAGE] for at in range(0, len(data), PAGE)]
        holes = b"".join(page if self.random.random() < 0.5 else bytes(len(page)) for page in pages)
        return self.random.choice((inode.durable, prefix, holes, data))
