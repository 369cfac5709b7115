"""Arrays that grow at their end."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def room_for(count: int) -> int:
    """A quarter more than so many; pages that nothing was written to cost address space only."""
    return count + count // 4 + 64


def grown(array: NDArray[Any], used: int, more: int) -> NDArray[Any]:
    """`array` with room for `more` entries behind the `used` ones: itself, or a larger copy."""
    if used + more <= len(array):
        return array
    larger = np.empty((room_for(used + more), *array.shape[1:]), array.dtype)
    larger[:used] = array[:used]
    return larger
