"""A cluster that has the Prometheus Operator and a Grafana: the same rules, targets and dashboards, as their objects."""

from functools import cache
from itertools import product
from typing import Any

import pytest
import yaml

from components.platform_services import DEPLOYMENTS, SERVICES
from tests.support.synthesis import ROOT, Program, synthesise
from tests.support.variants import VARIANTS
from tests.unit.reachability import Pod, Reachability

KINDS = ("PrometheusRule", "ServiceMonitor", "Probe")


@cache
def program() -> Program:
    return synthesise(*VARIANTS["operator"])


def spec(kind: str, name: str) -> dict[str, Any]:
    (found,) = [each for each in program().of_kind(kind) if each.inputs["metadata"]["name"] == name]
    return found.inputs["spec"]


def test_nothing_runs_that_the_cluster_has_already() -> None:
    ours = {each.name for each, _ in synthesise("dev").pods()}
    left = {each.name for each, _ in program().pods()}
    assert ours - left == {"prometheus", "alertmanager", "kube-state-metrics", "grafana"}
    assert left <= ours


def test_each_rule_file_is_an_object_with_the_very_same_rules() -> None:
    files = {path.stem.replace("_", "-"): yaml.safe_load(path.read_text()) for path in (ROOT / "rules").glob("*.yaml")}
    del files["victorialogs"]  # not deployed here
    for name, content in files.items():
        assert spec("PrometheusRule", f"atlas-{name}") == content
    generated = spec("PrometheusRule", "atlas-deployed")
    ours = yaml.safe_load(synthesise("dev").one("ConfigMap", "prometheus-deployed").inputs["data"]["deployed.yaml"])
    # What the operator's stack runs itself is not expected of this one.
    assert [group for group in generated["groups"] if group["name"] != "atlas_expected"] == [
        group for group in ours["groups"] if group["name"] != "atlas_expected"
    ]
    assert [group["name"] for group in generated["groups"]] == [group["name"] for group in ours["groups"]]
    assert len(program().of_kind("PrometheusRule")) == len(files) + 1


def test_the_operator_selects_every_object_by_the_labels_that_were_set() -> None:
    for each in program().of_kind(*KINDS):
        assert each.inputs["metadata"]["labels"]["release"] == "mine"
        assert each.namespace == "observability"


def test_every_service_with_metrics_is_selected_with_the_labels_that_the_rules_use() -> None:
    monitors = {
        each.inputs["spec"]["namespaceSelector"]["matchNames"][0]: each.inputs["spec"]
        for each in program().of_kind("ServiceMonitor")
    }
    for service in program().of_kind("Service"):
        ports = {port["name"] for port in service.inputs["spec"].get("ports", [])} & {"metrics", "http-metrics"}
        if not ports:
            continue
        monitor = monitors[str(service.namespace)]
        assert monitor["selector"]["matchLabels"].items() <= service.inputs["metadata"]["labels"].items()
        assert ports <= {endpoint["port"] for endpoint in monitor["endpoints"]}
    for monitor in monitors.values():
        assert monitor["sampleLimit"]
        for endpoint in monitor["endpoints"]:
            assert {each["targetLabel"] for each in endpoint["relabelings"]} == {"service", "environment"}


def test_each_probed_service_is_asked_at_its_own_path() -> None:
    probed = {name for name in DEPLOYMENTS if SERVICES[name].port}
    assert {each.inputs["metadata"]["name"] for each in program().of_kind("Probe")} == {
        f"atlas-{name}" for name in probed
    }
    target = spec("Probe", "atlas-api")["targets"]["staticConfig"]
    assert target["static"] == ["http://api.trading.svc:8000/healthz"]
    assert target["labels"] == {"service": "api", "namespace": "trading", "environment": "dev"}
    assert spec("Probe", "atlas-api")["prober"] == {"url": "blackbox-exporter.observability.svc:9115"}


def test_the_gateway_sends_metrics_to_the_prometheus_that_is_there() -> None:
    (gateway,) = [pod for each, pod in program().pods() if each.name == "otel-collector"]
    told = {each["name"]: each.get("value") for each in gateway["containers"][0]["env"]}
    assert told["METRICS_ENDPOINT"] == "http://prometheus-operated.monitoring.svc:9090/api/v1/otlp"


def test_the_grafana_that_is_there_finds_dashboards_and_data_sources_by_label() -> None:
    maps = program().of_kind("ConfigMap")
    assert len([each for each in maps if "grafana_dashboard" in each.inputs["metadata"]["labels"]]) >= 9
    (sources,) = [each.inputs["data"] for each in maps if "grafana_datasource" in each.inputs["metadata"]["labels"]]
    urls = {each["uid"]: each["url"] for each in yaml.safe_load(sources["atlas.yaml"])["datasources"]}
    assert urls == {
        "prometheus": "http://prometheus-operated.monitoring.svc:9090",
        "loki": "http://loki.observability.svc:3100",
        "jaeger": "http://jaeger.observability.svc:16686",
    }
    assert "$${__value.raw}" in sources["atlas.yaml"], "Grafana expands what is left"
    assert not [each for each in program().of_kind("Secret") if each.name == "grafana"]
    assert "grafanaAdminSecret" not in program().exports


@pytest.mark.parametrize("service", ["otel-collector", "loki", "jaeger", "api", "workers", "node-agent"])
def test_the_operators_prometheus_may_scrape_and_nobody_else_of_its_namespace_gets_further(service: str) -> None:
    network = Reachability(tuple(policy.inputs for policy in program().of_kind("NetworkPolicy")))
    scraper = Pod("monitoring", "prometheus-0")
    namespaces = {"api": "trading", "workers": "trading", "node-agent": "node-agents"}
    target = Pod(namespaces.get(service, "observability"), service)
    allowed = {
        port for port in (3100, 4317, 8000, 8888, 9108, 9464, 13133, 16686) if network.allows(scraper, target, port)
    }
    wanted = {
        "otel-collector": {8888},
        "loki": {3100},
        "jaeger": {8888, 16686},
        "api": {9464},
        "workers": {9108},
        "node-agent": {8888},
    }
    assert allowed == wanted[service]
    gateway = Pod("observability", "otel-collector")
    assert [port for _, port in product((0,), (9090, 443)) if network.allows(gateway, scraper, port)] == [9090]
