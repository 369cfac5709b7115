"""The few kinds of panels that our dashboards have, on Grafana's own typed builders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

from grafana_foundation_sdk.builders import common as common_builders
from grafana_foundation_sdk.builders import dashboard, prometheus, stat, statetimeline, timeseries
from grafana_foundation_sdk.models import common
from grafana_foundation_sdk.models.dashboard import (
    DashboardLinkType,
    DataSourceRef,
    Threshold,
    ThresholdsMode,
    VariableHide,
    VariableRefresh,
)

SOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")
PER = "$__rate_interval"
"""Grafana's own: four times the scrape interval at the least."""

OURS = ("doorbell",)
WIDE, HALF, THIRD, QUARTER = 24, 12, 8, 6
TALL, LOW = 8, 4
Built = TypeVar("Built", timeseries.Panel, stat.Panel, statetimeline.Panel)


def board(uid: str, title: str, description: str, since: str = "now-1h") -> dashboard.Dashboard:
    """An empty dashboard; `since` is what it shows at first."""
    others = dashboard.DashboardLink("Doorbell").type(DashboardLinkType.DASHBOARDS).tags(list(OURS)).as_dropdown(True)
    source = (
        dashboard.DatasourceVariable("datasource").type("prometheus").label("Prometheus").hide(VariableHide.DONT_HIDE)
    )
    made = dashboard.Dashboard(title).uid(uid).description(description).tags(list(OURS)).readonly()
    return made.time(since, "now").refresh("30s").timezone("browser").link(others.keep_time(True)).with_variable(source)


def chosen(name: str, metric: str, label: str) -> dashboard.QueryVariable:
    """A choice among the values of a label; all of them at first."""
    query = f"label_values({metric}, {label})"
    found = dashboard.QueryVariable(name).datasource(SOURCE).query(query).refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
    return found.include_all(True).all_value(".*").multi(True)


def lines(title: str, unit: str, queries: Mapping[str, str], *, width: int = HALF, says: str = "") -> timeseries.Panel:
    """Curves; the queries by their legends, as in `{{stage}}`."""
    shown = common_builders.VizLegendOptions().show_legend(True).display_mode(common.LegendDisplayMode.LIST)
    panel = timeseries.Panel().legend(shown.placement(common.LegendPlacement.BOTTOM)).fill_opacity(8).line_width(1)
    return _filled(panel.title(title).unit(unit), queries, width, TALL, says)


def stacked(
    title: str, unit: str, queries: Mapping[str, str], *, width: int = HALF, says: str = ""
) -> timeseries.Panel:
    """Curves on top of each other: parts of a whole."""
    panel = lines(title, unit, queries, width=width, says=says).fill_opacity(40)
    return panel.stacking(common_builders.StackingConfig().mode(common.StackingMode.NORMAL))


def number(
    title: str, unit: str, query: str, steps: Sequence[tuple[float, str]] = (), *, width: int = QUARTER, says: str = ""
) -> stat.Panel:
    """The present value; `steps` are from which value on it has another colour than green."""
    colours = [Threshold(None, "green"), *(Threshold(value, colour) for value, colour in steps)]
    panel = stat.Panel().thresholds(dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(colours))
    panel = panel.color_mode(common.BigValueColorMode.VALUE).graph_mode(common.BigValueGraphMode.AREA)
    panel = panel.reduce_options(common_builders.ReduceDataOptions().calcs(["lastNotNull"]))
    return _filled(panel.title(title).unit(unit), {"": query}, width, LOW, says)


def states(title: str, queries: Mapping[str, str], *, width: int = HALF, says: str = "") -> statetimeline.Panel:
    """A bar for each series, with 1 in green and 0 in red."""
    colours = [Threshold(None, "red"), Threshold(1, "green")]
    panel = statetimeline.Panel().thresholds(dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(colours))
    return _filled(panel.title(title).merge_values(True), queries, width, TALL, says)


def quantile(share: float, histogram: str, labels: str = "", by: str = "") -> str:
    """PromQL: seconds, or what the histogram counts, that so large a share stays below."""
    grouped = f"le, {by}" if by else "le"
    return f"histogram_quantile({share:g}, sum by ({grouped}) (rate({histogram}_bucket{{{labels}}}[{PER}])))"


def _filled(panel: Built, queries: Mapping[str, str], width: int, height: int, says: str) -> Built:
    panel = panel.datasource(SOURCE).span(width).height(height)
    if says:
        panel = panel.description(says)
    for place, (legend, expr) in enumerate(queries.items()):
        query = prometheus.Dataquery().expr(expr).legend_format(legend or "__auto").ref_id(chr(ord("A") + place))
        panel = panel.with_target(query.range())
    return panel
