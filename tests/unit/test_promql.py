from __future__ import annotations

import pytest

from tests.promql import as_sent, metrics_in


@pytest.mark.parametrize(
    ("expr", "names"),
    [
        ("up", {"up"}),
        ('sum by (le, a) (rate(x_bucket{a="b_total",c=~"$d"}[$__rate_interval])) / on (a) y', {"x_bucket", "y"}),
        ("time() - max by (device) (seen_seconds) or vector(0)", {"seen_seconds"}),
        ("histogram_quantile(0.99, sum by (le) (rate(d_bucket[5m])))", {"d_bucket"}),
        ("100 * used_bytes / total_bytes", {"used_bytes", "total_bytes"}),
        ("topk(20, max by (camera) (camera_events_today))", {"camera_events_today"}),
    ],
)
def test_the_metrics_of_an_expression_are_found(expr: str, names: set[str]) -> None:
    assert metrics_in(expr) == names


def test_grafanas_variables_are_filled_in() -> None:
    assert as_sent('rate(x{a=~"$release|none"}[$__rate_interval])') == 'rate(x{a=~".*|none"}[1m])'
