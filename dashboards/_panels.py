"""The parts that every dashboard is made of, so that all look and behave alike."""

import re
from collections.abc import Sequence

from grafana_foundation_sdk.builders import common as common_builders
from grafana_foundation_sdk.builders import heatmap as heatmaps
from grafana_foundation_sdk.builders import logs as log_panels
from grafana_foundation_sdk.builders import loki, prometheus
from grafana_foundation_sdk.builders import stat as stats
from grafana_foundation_sdk.builders import table as table_panels
from grafana_foundation_sdk.builders import timeseries as timeseries_panels
from grafana_foundation_sdk.builders.dashboard import (
    AnnotationQuery,
    Dashboard,
    DashboardLink,
    QueryVariable,
    ThresholdsConfig,
)
from grafana_foundation_sdk.models import common, heatmap
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from dashboards._queries import Query

PROMETHEUS = common.DataSourceRef(type_val="prometheus", uid="prometheus")
LOKI = common.DataSourceRef(type_val="loki", uid="loki")
ENVIRONMENT_SELECTOR = 'environment=~"$environment"'
SERVICE_SELECTOR = f'{ENVIRONMENT_SELECTOR}, service=~"$service"'
OTLP_ENVIRONMENT_SELECTOR = 'deployment_environment_name=~"$environment"'
OTLP_SERVICE_SELECTOR = f'{OTLP_ENVIRONMENT_SELECTOR}, service_name=~"$service"'
TAG = "atlas"

# What a query writes in place of the selectors.
_SELECTORS = {
    "ENVIRONMENT_SELECTOR": ENVIRONMENT_SELECTOR,
    "SERVICE_SELECTOR": SERVICE_SELECTOR,
    "OTLP_ENVIRONMENT_SELECTOR": OTLP_ENVIRONMENT_SELECTOR,
    "OTLP_SERVICE_SELECTOR": OTLP_SERVICE_SELECTOR,
}
_SELECTOR_NAME = re.compile(rf"\b({'|'.join(_SELECTORS)})\b")

# The same choice by labels of Loki, which wants a matcher that rules out the empty value, and its reading of a level.
CHOSEN_LOGS = '{service_name=~".+", service_name=~"$service", deployment_environment_name=~"$environment"}'
WARNINGS = 'detected_level=~"warn|error|fatal|critical"'
ERRORS = 'detected_level=~"error|fatal|critical"'

# A threshold: from this value on, this colour.
Step = tuple[float, str]


def new_dashboard(
    uid: str, title: str, description: str, *, service_from: str | None = None, otlp: bool = False, hours: int = 3
) -> Dashboard:
    """An empty dashboard with the environment, the links to all others and the firing alerts as marks.

    ``service_from`` is the series whose services can be chosen, ``otlp`` says that it comes by OTLP. Without it the dashboard
    has no choice of services.
    """
    made = (
        Dashboard(title)
        .uid(uid)
        .description(description)
        .tags([TAG])
        .readonly()
        .tooltip(model.DashboardCursorSync.CROSSHAIR)
        .time(f"now-{hours}h", "now")
        .timezone("browser")
        .refresh("30s")
        .link(
            DashboardLink("Dashboards")
            .type(model.DashboardLinkType.DASHBOARDS)
            .tags([TAG])
            .as_dropdown(True)
            .include_vars(True)
            .keep_time(True)
        )
        .annotation(
            AnnotationQuery()
            .name("Firing alerts")
            .datasource(PROMETHEUS)
            .enable(True)
            .icon_color("red")
            .expr('ALERTS{alertstate="firing", severity=~"critical|warning"}')
        )
        .with_variable(
            _choice("environment", "Environment", "label_values(up, environment)", "Where the figures come from.")
        )
    )
    if service_from is not None:
        selector, label = (OTLP_ENVIRONMENT_SELECTOR, "service_name") if otlp else (ENVIRONMENT_SELECTOR, "service")
        values = f"label_values({service_from}{{{selector}}}, {label})"
        made = made.with_variable(_choice("service", "Service", values, "Which services the panels show."))
    return made


def timeseries(
    title: str,
    description: str,
    unit: str,
    *queries: Query,
    steps: Sequence[Step] = (),
    stacked: bool = False,
    width: int = 8,
    height: int = 8,
    minimum: float | None = 0,
    maximum: float | None = None,
) -> timeseries_panels.Panel:
    """Lines over time. ``steps`` draw a line at each threshold; ``minimum`` and ``maximum`` fix the axis."""
    panel = (
        timeseries_panels.Panel()
        .title(title)
        .description(description)
        .datasource(PROMETHEUS)
        .unit(unit)
        .span(width)
        .height(height)
        .fill_opacity(10)
        .legend(
            common_builders.VizLegendOptions()
            .display_mode(common.LegendDisplayMode.TABLE)
            .placement(common.LegendPlacement.BOTTOM)
            .show_legend(True)
            .calcs(["lastNotNull", "max"])
        )
        .tooltip(
            common_builders.VizTooltipOptions().mode(common.TooltipDisplayMode.MULTI).sort(common.SortOrder.DESCENDING)
        )
    )
    if minimum is not None:
        panel = panel.min(minimum)
    if maximum is not None:
        panel = panel.max(maximum)
    if steps:
        style = common_builders.GraphThresholdsStyleConfig().mode(common.GraphThresholdsStyleMode.DASHED)
        panel = panel.thresholds(_thresholds(steps)).thresholds_style(style)
    if stacked:
        panel = panel.stacking(common_builders.StackingConfig().mode(common.StackingMode.NORMAL).group("A"))
    for ref_id, query in zip("ABCDEFGH", queries, strict=False):
        panel = panel.with_target(_ranged(query, ref_id))
    return panel


def stat(
    title: str,
    description: str,
    unit: str,
    query: Query,
    *,
    steps: Sequence[Step] = (),
    value_mappings: dict[str, str] | None = None,
    otherwise: str | None = None,
    named: bool = False,
    width: int = 4,
    height: int = 4,
    no_value: str | None = None,
) -> stats.Panel:
    """One figure a series, now.

    ``value_mappings`` replace values by text, and ``otherwise`` every other value from 1 up; ``no_value`` is shown when there
    is no series; ``named`` shows the series' names in place of their values.
    """
    panel = (
        stats.Panel()
        .title(title)
        .description(description)
        .datasource(PROMETHEUS)
        .unit(unit)
        .span(width)
        .height(height)
        .color_mode(common.BigValueColorMode.BACKGROUND if steps else common.BigValueColorMode.NONE)
        .graph_mode(common.BigValueGraphMode.NONE)
        .thresholds(_thresholds(steps))
        .reduce_options(common_builders.ReduceDataOptions().calcs(["lastNotNull"]))
        .with_target(_instant(query, "A"))
    )
    if value_mappings is not None:
        named_values = {value: model.ValueMappingResult(text=text) for value, text in value_mappings.items()}
        mappings: list[model.ValueMapping] = [model.ValueMap(options=named_values)]
        if otherwise is not None:
            result = model.ValueMappingResult(text=otherwise)
            mappings.append(model.RangeMap(options=model.DashboardRangeMapOptions(from_val=1, result=result)))
        panel = panel.mappings(mappings)
    if named:
        panel = panel.text_mode(common.BigValueTextMode.NAME)
    if no_value is not None:
        panel = panel.no_value(no_value)
    return panel


def distribution(
    title: str, description: str, expr: str, *, unit: str = "s", width: int = 12, height: int = 8
) -> heatmaps.Panel:
    """A heat map of a histogram; ``expr`` gives the increase of its buckets by ``le``."""
    return (
        heatmaps.Panel()
        .title(title)
        .description(description)
        .datasource(PROMETHEUS)
        .span(width)
        .height(height)
        .unit("short")
        .calculate(False)
        .y_axis(heatmaps.YAxisConfig().unit(unit))
        .color(heatmaps.HeatmapColorOptions().mode(heatmap.HeatmapColorMode.SCHEME).scheme("Oranges").steps(64))
        .filter_values(heatmaps.FilterValueRange().le(1e-9))
        .with_target(_ranged(Query(expr, "{{le}}", exemplars=True), "A").format(PromQueryFormat.HEATMAP))
    )


def table(
    title: str,
    description: str,
    unit: str,
    query: Query,
    *,
    steps: Sequence[Step] = (),
    width: int = 12,
    height: int = 8,
) -> table_panels.Panel:
    """A table of what the query gives now, a row a series."""
    return (
        table_panels.Panel()
        .title(title)
        .description(description)
        .datasource(PROMETHEUS)
        .unit(unit)
        .span(width)
        .height(height)
        .thresholds(_thresholds(steps))
        .with_target(_instant(query, "A").format(PromQueryFormat.TABLE))
        .with_transformation(
            model.DataTransformerConfig(id_val="organize", options={"excludeByName": {"Time": True, "__name__": True}})
        )
    )


def log_lines(title: str, description: str, expr: str, *, width: int = 24, height: int = 10) -> log_panels.Panel:
    """Log lines, newest first; a line opens to its fields, among them the trace id."""
    return (
        log_panels.Panel()
        .title(title)
        .description(description)
        .datasource(LOKI)
        .span(width)
        .height(height)
        .show_time(True)
        .enable_log_details(True)
        .wrap_log_message(True)
        .sort_order(common.LogsSortOrder.DESCENDING)
        .with_target(loki.Dataquery().datasource(LOKI).expr(expr).query_type("range").max_lines(500).ref_id("A"))
    )


def log_rates(
    title: str, description: str, expr: str, legend: str, *, width: int = 12, height: int = 8
) -> timeseries_panels.Panel:
    """Lines of log per second over time, counted by Loki."""
    query = loki.Dataquery().datasource(LOKI).expr(expr).legend_format(legend).query_type("range").ref_id("A")
    return timeseries(title, description, "cps", width=width, height=height).datasource(LOKI).with_target(query)


def _choice(name: str, label: str, values: str, description: str) -> QueryVariable:
    return (
        QueryVariable(name)
        .label(label)
        .description(description)
        .datasource(PROMETHEUS)
        .query({"query": values, "refId": f"Variable-{name}"})
        .refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(model.VariableSort.ALPHABETICAL_ASC)
        .multi(True)
        .include_all(True)
        .all_value(".*")  # matches series without the label too
        .current(model.VariableOption(text="All", value="$__all", selected=True))
    )


def _thresholds(steps: Sequence[Step]) -> ThresholdsConfig:
    base = [model.Threshold(value=None, color="green")]
    return (
        ThresholdsConfig()
        .mode(model.ThresholdsMode.ABSOLUTE)
        .steps([*base, *(model.Threshold(value=value, color=color) for value, color in steps)])
    )


def _ranged(query: Query, ref_id: str) -> prometheus.Dataquery:
    return _target(query, ref_id).range().exemplar(query.exemplars)


def _instant(query: Query, ref_id: str) -> prometheus.Dataquery:
    return _target(query, ref_id).instant()


def _target(query: Query, ref_id: str) -> prometheus.Dataquery:
    expr = _SELECTOR_NAME.sub(lambda name: _SELECTORS[name[0]], query.expr)
    return prometheus.Dataquery().datasource(PROMETHEUS).expr(expr).legend_format(query.legend).ref_id(ref_id)
