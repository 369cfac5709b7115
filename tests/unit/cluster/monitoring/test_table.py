from __future__ import annotations

from pathlib import Path

from cluster.monitoring.table import lines

PAGE = Path(__file__).parents[4] / "docs" / "monitoring.md"


def test_the_page_has_the_table_of_what_is_declared() -> None:
    assert "\n".join(lines()) in PAGE.read_text(), "python -m cluster.monitoring.table prints it as it should be"
