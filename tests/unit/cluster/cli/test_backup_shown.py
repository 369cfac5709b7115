from __future__ import annotations

import pytest

from cluster.cli.backup_shown import size


@pytest.mark.parametrize(
    ("count", "said"), [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (213_614, "213.6 kB"), (4.2e9, "4.2 GB")]
)
def test_bytes_are_told_in_their_largest_unit(count: float, said: str) -> None:
    assert size(count) == said
