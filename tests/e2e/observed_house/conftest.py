from __future__ import annotations

from collections.abc import Iterator

import pytest

from benchmarks.doors import Doors
from benchmarks.observe.house import House
from tests.e2e.observed_house.lived_in import lived_in


@pytest.fixture(scope="package")
def observed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[House, Doors]]:
    """A house with Prometheus and Alertmanager beside it, and doors that post; what they heard."""
    with lived_in(tmp_path_factory.mktemp("observed")) as found:
        yield found


@pytest.fixture(scope="package")
def observed_house(observed: tuple[House, Doors]) -> House:
    return observed[0]
