"""The store of logs that ``logs.backend`` names: it alone is deployed, sent to, asked, scraped and watched."""

import json
from functools import cache
from typing import Any

import pytest
import yaml

from components.victorialogs import flags
from settings.model import VictoriaLogs
from settings.units import to_bytes
from tests.support.synthesis import Program, synthesise
from tests.unit.reachability import Address, Pod, Reachability

BACKENDS = ("loki", "victorialogs", "external")
STORES = {"loki": ("loki", 3100), "victorialogs": ("victorialogs", 9428)}
COLLECTOR, PROMETHEUS, GRAFANA = (Pod("observability", name) for name in ("otel-collector", "prometheus", "grafana"))
INTERNET = Address("203.0.113.7")


@cache
def program(backend: str) -> Program:
    logs = {"backend": backend}
    if backend == "external":
        logs |= {"otlpEndpoint": "https://logs.example.com", "queryUrl": "https://logs-query.example.com"}
    secrets = {"atlas:logsToken": "a-token-of-the-store"} if backend == "external" else {}
    return synthesise("dev", {"atlas:logs": json.dumps(logs)}, secrets)


def pod(backend: str, name: str) -> dict[str, Any]:
    (found,) = [pod for each, pod in program(backend).pods() if each.name == name]
    return found["containers"][0]


def variables(backend: str, name: str) -> dict[str, Any]:
    return {each["name"]: each.get("value") for each in pod(backend, name)["env"]}


def gateway(backend: str) -> dict[str, Any]:
    return yaml.safe_load(program(backend).one("ConfigMap", "otel-collector-config").inputs["data"]["gateway.yaml"])


@pytest.mark.parametrize("backend", BACKENDS)
def test_one_store_is_deployed_and_watched(backend: str) -> None:
    there = {name for name, _ in STORES.values()} & {each.name for each, _ in program(backend).pods()}
    assert there == ({backend} - {"external"})
    maps = {each.name: each.inputs.get("data", {}) for each in program(backend).of_kind("ConfigMap")}
    assert {"loki.yaml", "victorialogs.yaml"} & maps["prometheus-rules"].keys() == {f"{name}.yaml" for name in there}
    generated = yaml.safe_load(maps["prometheus-deployed"]["deployed.yaml"])
    expected = {
        rule["labels"]["service"]
        for group in generated["groups"]
        for rule in group["rules"]
        if rule["record"] == "atlas:expected"
    }
    assert expected & {"loki", "victorialogs"} == there


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_gateway_sends_to_it_and_grafana_asks_it(backend: str) -> None:
    urls = {
        "loki": ("http://loki.observability.svc:3100/otlp", "http://loki.observability.svc:3100"),
        "victorialogs": (
            "http://victorialogs.observability.svc:9428/insert/opentelemetry",
            "http://victorialogs.observability.svc:9428",
        ),
        "external": ("https://logs.example.com", "https://logs-query.example.com"),
    }
    assert variables(backend, "otel-collector")["LOGS_ENDPOINT"] == urls[backend][0]
    assert urls[backend][1] in variables(backend, "grafana").values()
    assert gateway(backend)["service"]["pipelines"]["logs"]["exporters"][0] == "otlp_http/logs"


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_network_is_open_to_it_alone(backend: str) -> None:
    rules = Reachability(tuple(each.inputs for each in program(backend).of_kind("NetworkPolicy")))
    for name, (workload, port) in STORES.items():
        for source in (COLLECTOR, PROMETHEUS, GRAFANA):
            assert rules.allows(source, Pod("observability", workload), port) is (name == backend)
    for source in (COLLECTOR, GRAFANA):
        assert rules.allows(source, INTERNET, 443) is (backend == "external")


def test_an_external_store_gets_its_token_and_no_copy() -> None:
    config = gateway("external")
    assert [name for name in config["exporters"] if "logs" in name] == ["otlp_http/logs"]
    assert config["exporters"]["otlp_http/logs"]["auth"] == {"authenticator": "bearertokenauth/logs"}
    assert config["extensions"]["bearertokenauth/logs"]["filename"].endswith("/logs-token")
    assert "LOGS_COPY_ENDPOINT" not in variables("external", "otel-collector")


def test_a_store_here_may_have_a_further_one_beside_it() -> None:
    logs = {"backend": "victorialogs", "otlpEndpoint": "https://logs.example.com"}
    found = synthesise("dev", {"atlas:logs": json.dumps(logs)})
    config = yaml.safe_load(found.one("ConfigMap", "otel-collector-config").inputs["data"]["gateway.yaml"])
    assert {"otlp_http/logs", "otlp_http/logs_copy"} <= set(config["service"]["pipelines"]["logs"]["exporters"])


def test_every_store_of_logs_gets_the_same_records() -> None:
    """In the same streams, by the same processors."""
    for backend in ("victorialogs", "external"):
        assert (
            gateway(backend)["service"]["pipelines"]["logs"]["processors"]
            == gateway("loki")["service"]["pipelines"]["logs"]["processors"]
        )
    streams = gateway("victorialogs")["exporters"]["otlp_http/logs"]["headers"]["VL-Stream-Fields"]
    loki = yaml.safe_load(program("loki").one("ConfigMap", "loki-config").inputs["data"]["loki.yaml"])
    (labels,) = loki["limits_config"]["otlp_config"]["resource_attributes"]["attributes_config"]
    assert streams.split(",") == labels["attributes"], "both stores make the same streams"


def test_victorialogs_keeps_to_its_time_and_to_its_volume() -> None:
    settings = VictoriaLogs(retention="2d", volume="10Gi")
    told = dict(flag.lstrip("-").split("=", 1) for flag in flags(settings))
    assert told["retentionPeriod"] == "48h"
    volume = to_bytes("10Gi")
    kept, free = int(told["retention.maxDiskSpaceUsageBytes"]), int(told["storage.minFreeDiskSpaceBytes"])
    assert 0.7 * volume < kept < volume - free < volume
    assert variables("victorialogs", "otel-collector")["LOGS_MAX_AGE"] == f"{7 * 24 - 4}h"
    assert variables("loki", "otel-collector")["LOGS_MAX_AGE"] == "8h"


def test_the_pod_of_victorialogs_writes_nowhere_but_on_its_volume() -> None:
    container = pod("victorialogs", "victorialogs")
    (mount,) = container["volumeMounts"]
    assert f"-storageDataPath={mount['mountPath']}" in container["args"]
    assert container["readinessProbe"]["httpGet"] == {"port": "http-metrics", "path": "/health"}
