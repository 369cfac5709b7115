"""What a replica does around its building."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

import pytest

from benchmarks.processes import private_written_kb
from serve_apps.replica import return_freed_memory


def held_kb() -> int:
    return private_written_kb(Path(f"/proc/{os.getpid()}/smaps_rollup").read_text())


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="the C library keeps what is freed")
def test_memory_that_was_freed_below_what_is_still_used_goes_back_to_the_system() -> None:
    blocks = [os.urandom(4_000) for _ in range(10_000)]
    above = [os.urandom(4_000) for _ in range(10)]
    del blocks
    kept = held_kb()

    return_freed_memory()

    assert kept - held_kb() > 20_000
    assert len(above) == 10
