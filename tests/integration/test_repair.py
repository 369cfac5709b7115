"""Damage is healed by the next snapshot, while the source still has what was damaged."""

from __future__ import annotations

from pathlib import Path

from backup.verify import verify
from tests.integration.backed_up import begun, house, vault


def test_whatever_chunk_was_damaged_the_next_snapshot_is_whole_again(tmp_path: Path) -> None:
    with house(tmp_path / "data") as made:
        home, kept = begun(made), vault(tmp_path / "vault")
        home.live_in(tmp_path)
        kept.snapshot(home)
        target = kept.repository.target
        for _, stored in list(kept.repository.chunks()):
            target.put(stored.name, target.get(stored.name)[:-1])
            found = verify(kept.repository, repair=True).damaged
            assert stored.name in [each.object for each in found]

            healed = kept.snapshot(home).manifest

            assert not [each for each in verify(kept.repository).damaged if healed.id in each.snapshots], stored.name
