"""What can go wrong with snapshots: each is one line with the way out.

BackupError
├── TargetUnavailable      the place does not answer; trying again may help
│   └── TargetFull         it has no room
├── TargetRefused          the place says no: rights, a lock, a name; trying again does not help
├── NoSuchObject           the place has no object of this name
├── Damaged                stored bytes are not those that were stored
├── WrongKey               no key that is given opens this repository
├── NoRepository           the place holds no repository
├── AnotherRepository      an object belongs to another repository
├── NoSuchSnapshot         no snapshot has this id, or none is from so early
├── NewerSchema            the snapshot is of a newer version than this program
├── Busy                   somebody else does the same at this moment
└── CannotRestore          the place to restore into is not as it must be
"""

from __future__ import annotations


class BackupError(Exception):
    """Of all of them."""


class TargetUnavailable(BackupError):
    """The place does not answer; trying again may help."""


class TargetFull(TargetUnavailable):
    """The place has no room."""


class TargetRefused(BackupError):
    """The place says no: rights, a lock, a name; trying again does not help."""


class NoSuchObject(BackupError):
    """The place has no object of this name."""


class Damaged(BackupError):
    """Stored bytes are not those that were stored."""


class WrongKey(BackupError):
    """No key that is given opens this repository."""


class NoRepository(BackupError):
    """The place holds no repository."""


class AnotherRepository(BackupError):
    """An object belongs to another repository."""


class NothingThere(BackupError):
    """A place has no state to take a snapshot of: it is another one than was meant, or was never started."""


class NoSuchSnapshot(BackupError):
    """No snapshot has this id, or none is from so early."""


class NewerSchema(BackupError):
    """The snapshot is of a newer version than this program."""


class Busy(BackupError):
    """Somebody else does the same at this moment."""


class CannotRestore(BackupError):
    """The place to restore into is not as it must be."""
