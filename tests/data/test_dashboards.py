"""The dashboards as data: complete, consistent, and every query one that its store accepts."""

import json
import re
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from catalog import DATA_SOURCES, load_dashboards, load_rules
from catalog.log_stores import TITLES, LogStore, data_sources_for
from catalog.logsql import legend_of, to_logsql
from tests.data.promtool import refused
from tests.support.panels import DASHBOARDS, ROOT, Panel, dashboards_of, panels, targets
from tests.support.promql import filled

PANELS = list(panels())
NAMES = [panel.name for panel in PANELS]
# What a figure can be without: lines of log have no unit.
UNITLESS = {"logs"}

# The guide's list, each with the panel that answers it.
GUIDE = {
    "request rates": ("requests.json", "Requests by service"),
    "error rates": ("requests.json", "Error rate by service"),
    "response time distributions": ("requests.json", "Response times"),
    "p50 latency": ("requests.json", "p50 by service"),
    "p95 latency": ("requests.json", "p95 by service"),
    "worker throughput": ("workers.json", "Orders processed"),
    "backtest job status": ("backtests.json", "Running and known"),
    "database metrics": ("postgresql.json", "Transactions"),
    "Redis metrics": ("redis.json", "Memory of maxmemory"),
    "message queue metrics": ("queues.json", "In and out"),
    "event bus lag": ("bus.json", "Lag p95"),
}


def test_dashboards_are_the_same_each_time_they_are_built() -> None:
    again = {file.name: file.text for file in load_dashboards(ROOT / "dashboards")}
    assert again == {name: render(dashboard) for name, dashboard in DASHBOARDS.items()}


def render(dashboard: dict[str, Any]) -> str:
    return json.dumps(dashboard, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


@pytest.mark.parametrize(("file", "title"), GUIDE.values(), ids=GUIDE)
def test_the_guides_list_is_shown(file: str, title: str) -> None:
    found = [panel for panel in PANELS if panel.file == file and panel.model["title"] == title]
    assert len(found) == 1
    assert found[0].model["targets"]


def test_p50_p95_and_event_bus_lag_have_panels_of_their_own() -> None:
    titles = {(panel.file, panel.model["title"]): panel for panel in PANELS}
    for share, panel in (
        ("0.5", titles["requests.json", "p50 by service"]),
        ("0.95", titles["requests.json", "p95 by service"]),
    ):
        assert all(f"histogram_quantile({share}," in target["expr"] for target in panel.model["targets"])
    assert all(
        "atlas_event_bus_lag_seconds_bucket" in each["expr"] for each in titles["bus.json", "Lag p95"].model["targets"]
    )


@pytest.mark.parametrize("panel", PANELS, ids=NAMES)
def test_a_panel_says_what_it_shows_and_in_which_unit(panel: Panel) -> None:
    assert panel.model["title"]
    assert len(panel.model.get("description", "")) > 10
    if panel.model["type"] not in UNITLESS:
        assert panel.model["fieldConfig"]["defaults"]["unit"]


@pytest.mark.parametrize("panel", PANELS, ids=NAMES)
def test_a_panel_asks_a_provisioned_data_source(panel: Panel) -> None:
    assert panel.model["targets"]
    references = [panel.model["datasource"], *(target["datasource"] for target in panel.model["targets"])]
    assert {reference["uid"] for reference in references} <= DATA_SOURCES.keys()
    ids = [target["refId"] for target in panel.model["targets"]]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("store", ["loki", "victorialogs", None])
def test_the_data_sources_that_panels_ask_are_those_that_grafana_is_provisioned_with(store: LogStore | None) -> None:
    text = data_sources_for((ROOT / "config/grafana/datasources.yaml").read_text(), store)
    provisioned = {source["uid"]: source["type"] for source in yaml.safe_load(text)["datasources"]}
    asked = [each.model["datasource"] for each in panels(store)]
    asked += [target["datasource"] for each in panels(store) for target in each.model["targets"]]
    assert {each["uid"]: each["type"] for each in asked} == {
        uid: kind for uid, kind in provisioned.items() if uid != "jaeger"
    }
    if store == "loki":
        assert provisioned == DATA_SOURCES


def test_victorialogs_has_every_panel_of_loki_in_its_own_language() -> None:
    of_loki, of_victorialogs = list(targets("loki")), list(targets("victorialogs", "victorialogs"))
    assert [each.panel.name for each in of_loki] == [each.panel.name for each in of_victorialogs]
    assert len(of_loki) >= 9
    for ours, theirs in zip(of_loki, of_victorialogs, strict=True):
        (target,) = theirs.panel.model["targets"]
        assert target["expr"] == to_logsql(ours.expr)
        lines = theirs.panel.model["type"] == "logs"
        assert target["queryType"] == ("instant" if lines else "statsRange")
        assert target.get("maxLines") == (500 if lines else None)
        assert target.get("legendFormat", "") == legend_of(ours.legend)
        assert target["editorMode"] == "code"
        # The plugin makes (a|b) of the chosen values, and .* of all, where the variable is a pattern of its own.
        assert re.findall(r".{3}\$\w+.", target["expr"]) == ['=~"$service"', '=~"$environment"'], ours.panel.name


def test_the_metrics_of_the_log_store_that_is_deployed_are_shown() -> None:
    rows = {
        store: [panel["title"] for panel in dashboards_of(store)["telemetry.json"]["panels"] if panel["type"] == "row"]
        for store in STORES
    }
    assert {store: [row for row in found if row in TITLES.values()] for store, found in rows.items()} == {
        "loki": ["Loki"],
        "victorialogs": ["VictoriaLogs"],
        None: [],
    }
    assert rows[None] == [row for row in rows["loki"] if row != "Loki"]


def test_without_a_store_of_logs_nothing_asks_for_logs() -> None:
    assert dashboards_of("loki").keys() - dashboards_of(None).keys() == {"logs.json"}
    for name, dashboard in dashboards_of(None).items():
        assert [panel["title"] for panel in dashboard["panels"] if panel["type"] == "logs"] == [], name
        rows = [panel["type"] == "row" for panel in dashboard["panels"]]
        assert not any(one and other for one, other in pairwise([*rows, True])), f"{name} has a row without a panel"


STORES: tuple[LogStore | None, ...] = ("loki", "victorialogs", None)
DRAWN = [(name, store) for store in STORES for name in dashboards_of(store)]


@pytest.mark.parametrize(("name", "store"), DRAWN)
def test_panels_lie_side_by_side_within_the_grid(name: str, store: LogStore | None) -> None:
    positions = [(panel["title"], panel["gridPos"]) for panel in dashboards_of(store)[name]["panels"]]
    lines = sorted({line for _, each in positions for line in range(each["y"], each["y"] + each["h"])})
    assert lines == list(range(len(lines))), "there is a gap"
    for title, position in positions:
        assert 0 <= position["x"] <= 24 - position["w"], title
    for (one, a), (other, b) in combinations(positions, 2):
        apart = (
            a["x"] + a["w"] <= b["x"]
            or b["x"] + b["w"] <= a["x"]
            or a["y"] + a["h"] <= b["y"]
            or b["y"] + b["h"] <= a["y"]
        )
        assert apart, f"{one} lies over {other}"


@pytest.mark.parametrize("name", DASHBOARDS)
def test_a_dashboard_shows_its_environment_and_the_way_to_the_others(name: str) -> None:
    dashboard = DASHBOARDS[name]
    assert dashboard["description"]
    assert dashboard["templating"]["list"][0]["name"] == "environment"
    links = {(link["type"], *link["tags"]) for link in dashboard["links"]}
    assert ("dashboards", *dashboard["tags"]) in links
    assert dashboard["editable"] is False
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize(("name", "store"), DRAWN)
def test_every_variable_that_a_query_uses_is_declared_and_every_declared_one_is_used(
    name: str, store: LogStore | None
) -> None:
    dashboard = dashboards_of(store)[name]
    declared = {variable["name"] for variable in dashboard["templating"]["list"]}
    expressions = [target["expr"] for panel in panels(store) if panel.file == name for target in panel.model["targets"]]
    used = {found for each in expressions for found in re.findall(r"\$\{?([a-z]\w*)", each)}
    assert used == declared


def test_latency_panels_lead_to_traces() -> None:
    lines = [panel for panel in PANELS if panel.model["type"] in ("timeseries", "heatmap")]
    of_services = re.compile(
        r"(http_request_duration|atlas_order_processing|atlas_backtest_duration|atlas_event_bus_lag)_seconds_bucket"
    )
    slow = [panel for panel in lines if any(of_services.search(target["expr"]) for target in panel.model["targets"])]
    assert len(slow) >= 10
    assert [panel.name for panel in slow if not all(target["exemplar"] for target in panel.model["targets"])] == []


def test_the_line_in_a_panel_is_the_threshold_of_the_alert_that_it_names() -> None:
    thresholds = {}
    for file in sorted((ROOT / "rules").glob("*.yaml")):
        for group in yaml.safe_load(file.read_text())["groups"]:
            for rule in group["rules"]:
                if limit := re.search(r"> (0\.\d+)$", rule["expr"].strip()):
                    thresholds[rule["alert"]] = float(limit.group(1))
    assert {"HighErrorRate", "HighLatency", "RedisSaturation", "CollectorQueueFilling"} <= thresholds.keys()
    drawn = 0
    for panel in PANELS:
        for alert in re.findall(r"([A-Z]\w+) fires above", panel.model["description"]):
            steps = [step["value"] for step in panel.model["fieldConfig"]["defaults"]["thresholds"]["steps"]]
            assert thresholds[alert] in steps, panel.name
            drawn += 1
    assert drawn >= 8


def test_an_alert_that_a_panel_names_exists() -> None:
    alerts = {alert.name for file in load_rules(ROOT / "rules") for alert in file.alerts}
    named = {word for panel in PANELS for word in re.findall(r"\b(?:[A-Z][a-z]+){2,}\b", panel.model["description"])}
    assert named - alerts - {"PostgreSQL", "RabbitMQ"} == set()


def test_prometheus_parses_every_query(tmp_path: Path) -> None:
    queries = {filled(target.expr) for store in STORES for target in targets("prometheus", store)}
    queries |= {
        filled(annotation["expr"]) for each in DASHBOARDS.values() for annotation in each["annotations"]["list"]
    }
    assert len(queries) > 100
    assert refused(sorted(queries), tmp_path) == []


def test_a_query_that_prometheus_does_not_parse_is_seen(tmp_path: Path) -> None:
    good, bad = "sum by (service) (rate(up[5m]))", "sum by (service (rate(up[5m]))"
    assert [each.partition("\n")[0] for each in refused([good, bad], tmp_path)] == [bad]
