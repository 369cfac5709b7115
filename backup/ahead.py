"""Reading ahead: many objects at once, in order, few of them in memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

_In = TypeVar("_In")
_Out = TypeVar("_Out")

THREADS = 4
AHEAD = 8


def ahead(function: Callable[[_In], _Out], items: Iterable[_In]) -> Iterator[_Out]:
    """`map` in four threads; at the most eight results wait to be taken."""
    waiting: deque[Future[_Out]] = deque()
    with ThreadPoolExecutor(THREADS) as threads:
        try:
            for item in items:
                waiting.append(threads.submit(function, item))
                if len(waiting) == AHEAD:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for each in waiting:
                each.cancel()
