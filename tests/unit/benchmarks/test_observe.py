from __future__ import annotations

from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from benchmarks.observe.measure import FEW, MANY, compared
from benchmarks.observe.scrape import counted, series

SCRAPED = """\
# TYPE ray_pipeline_events_total counter
ray_pipeline_events_total{WorkerId="a",event_type="known",release="r-1",status="recorded"} 3
ray_pipeline_events_total{WorkerId="b",event_type="known",release="r-1",status="recorded"} 4
# TYPE ray_node_mem_used gauge
ray_node_mem_used{NodeAddress="127.0.0.1"} 5
"""


def life(rate: float, cpu: float, p99: float) -> dict[str, Any]:
    run = {"requests_per_second": rate, "cpu_seconds_per_frame": cpu, "p99_ms": p99, "p50_ms": p99 / 2}
    run["other_share"] = 0.3 if rate == 90 else 0.01
    return {str(FEW): run, str(MANY): run}


def test_pairs_alternate_in_which_comes_first_and_their_median_is_told() -> None:
    order: list[str] = []
    rates = {"on": iter([98.0, 90.0, 99.0]), "off": iter([100.0, 100.0, 100.0])}

    def lived(switch: Any) -> dict[str, Any]:
        order.append(switch)
        return life(next(rates[switch]), 0.02 if switch == "off" else 0.0204, 31.0 if switch == "on" else 30.5)

    report = compared(lived, 3, lambda _: None)

    assert order == ["off", "on", "on", "off", "off", "on"]
    assert report["throughput_ratio"] == 0.98
    assert report["p99_delta_ms"] == 0.5
    assert report["cpu_ratio"] == 1.02
    assert report["disturbed"]
    assert [each["throughput_ratio"] for each in report["pairs"]] == [0.98, 0.9, 0.99]


def test_a_scrape_is_summed_over_processes_and_counted_as_it_is() -> None:
    metrics = list(text_string_to_metric_families(SCRAPED))
    labels = (("event_type", "known"), ("release", "r-1"), ("status", "recorded"))

    assert series(metrics)["ray_pipeline_events_total"] == {labels: 7.0}
    assert counted(metrics) == (2, 3)
