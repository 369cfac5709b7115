"""Runs one act on a house in a process of its own, which a failpoint may kill: ACT FOLDER VAULT [URL KEYRING_URL]."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from backup.restore.undo import undo
from backup.restore.whole import restore
from tests.integration.backed_up import house, vault


def main(act: str, folder: str, kept_in: str, *urls: str) -> None:
    kept = vault(Path(kept_in))
    with house(Path(folder), *urls) as made:
        if act == "snapshot":
            kept.snapshot(made)
        elif act == "restore":
            restore(made.state, kept.repository, kept.apart)
        else:
            undo(made.state)


def killed_at(failpoint: str, *arguments: str) -> None:
    """`main`, ended at this failpoint."""
    os.environ["DOORBELL_FAILPOINT"] = failpoint
    main(*arguments)


if __name__ == "__main__":
    main(*sys.argv[1:])
