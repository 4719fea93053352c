"""What the node agent measures, by the real Collector, and what it is called once the real Prometheus has it.

The node is this machine. The kubelet is a stub that answers in the shape of its API: a real one runs in the end-to-end tests.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.data.kubelet_stub import Kubelet
from tests.support.addresses import loopback
from tests.support.agent_process import Agent, GatewayStub
from tests.support.certificates import self_signed
from tests.support.collector_process import Gateway
from tests.support.http_json import ask
from tests.support.tool_process import ToolProcess, running, tool
from tests.support.waiting import wait_until

NODE_LABELS = {"deployment_environment_name", "k8s_cluster_name", "k8s_node_name"}
POD_LABELS = NODE_LABELS | {"k8s_namespace_name", "k8s_pod_name"}
USED = ("available_bytes", "capacity_bytes", "usage_bytes")
MEMORY = ("available_bytes", "rss_bytes", "usage_bytes", "working_set_bytes")


def expected() -> dict[str, set[str]]:
    """Every series by its name, with its labels."""
    table: dict[str, set[str]] = {}
    for begin, labels in (
        ("k8s_node", NODE_LABELS),
        ("k8s_pod", POD_LABELS),
        ("container", POD_LABELS | {"k8s_container_name"}),
    ):
        table |= {f"{begin}_filesystem_{end}": labels for end in USED}
        table |= {f"{begin}_memory_{end}": labels for end in MEMORY}
        table |= {f"{begin}_cpu_time_seconds_total": labels, f"{begin}_cpu_usage": labels}
        if begin != "container":
            network = labels | {"direction", "interface"}
            table |= {f"{begin}_network_{end}": network for end in ("io_bytes_total", "errors_total")}
    volume = POD_LABELS | {"k8s_volume_name", "k8s_persistentvolumeclaim_name"}
    ends = ("available_bytes", "capacity_bytes", "inodes_ratio", "inodes_free_ratio", "inodes_used_ratio")
    table |= {f"k8s_volume_{end}": volume for end in ends}
    table |= {f"system_cpu_load_average_{minutes}m": NODE_LABELS for minutes in (1, 5, 15)}
    table |= {"system_cpu_logical_count": NODE_LABELS, "system_cpu_time_seconds_total": NODE_LABELS | {"cpu", "state"}}
    table |= {"system_memory_limit_bytes": NODE_LABELS}
    table |= {f"system_memory_{end}": NODE_LABELS | {"state"} for end in ("usage_bytes", "utilization_ratio")}
    disk = NODE_LABELS | {"device"}
    for end in ("io_bytes_total", "merged_total", "operation_time_seconds_total", "operations_total"):
        table[f"system_disk_{end}"] = disk | {"direction"}
    for end in ("io_time_seconds_total", "pending_operations", "weighted_io_time_seconds_total"):
        table[f"system_disk_{end}"] = disk
    return table


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[dict[str, str]]]:
    """The labels of every series that came through the real gateway into the real Prometheus as it is configured."""
    folder, address = tmp_path_factory.mktemp("measured"), loopback()
    shipped: dict[str, Any] = yaml.safe_load(
        (Path(__file__).parents[2] / "config/prometheus/prometheus.yaml").read_text()
    )
    config = {key: shipped[key] for key in ("otlp", "storage")}
    (folder / "prometheus.yaml").write_text(yaml.safe_dump(config))
    command = [
        tool("prometheus"),
        f"--config.file={folder / 'prometheus.yaml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={address}:9090",
        "--web.enable-otlp-receiver",
    ]
    url, nowhere = f"http://{address}:9090", "http://127.0.0.1:1"
    gateway = Gateway(
        folder / "gateway",
        {"logs": nowhere, "traces": nowhere, "metrics": f"{url}/api/v1/otlp"},
    )
    agent = Agent(folder / "agent", f"dns:///{gateway.address}:4317", kubelet=Kubelet(folder / "kubelet"))

    def series() -> list[dict[str, str]]:
        found = ask(f"{url}/api/v1/query", timeout=5, query='{__name__=~".+"}')["data"]["result"]
        return [item["metric"] for item in found]

    def complete() -> bool:
        return {item["__name__"] for item in series()} >= set(expected())

    prometheus = ToolProcess(command, f"{url}/-/ready", folder / "prometheus.log", {})
    with running(prometheus), running(gateway), running(agent):
        wait_until(complete, 30, "every series")
        yield series()


def test_every_series_has_the_name_and_labels_that_rules_and_panels_use(stored: list[dict[str, str]]) -> None:
    found: dict[str, set[str]] = {}
    for series in stored:
        found.setdefault(series["__name__"], set()).update(set(series) - {"__name__"})
    assert found == expected()


def test_series_say_which_node_and_environment_they_are_of(stored: list[dict[str, str]]) -> None:
    for series in stored:
        assert series["k8s_node_name"] == "node-1"
        assert (series["deployment_environment_name"], series["k8s_cluster_name"]) == ("local", "test")


def test_each_volume_of_a_pod_is_a_series_of_its_own_and_kubernetes_own_are_left_out(
    stored: list[dict[str, str]],
) -> None:
    volumes = {
        series["k8s_volume_name"]: series.get("k8s_persistentvolumeclaim_name")
        for series in stored
        if series["__name__"] == "k8s_volume_available_bytes"
    }
    assert volumes == {"data": "data-loki-0", "scratch": None}


def test_the_processors_are_counted_one_by_one(stored: list[dict[str, str]]) -> None:
    """So that an average over them is the share of time, whatever their number is."""
    idle = {series["cpu"] for series in stored if series["__name__"] == "system_cpu_time_seconds_total"}
    assert idle == {f"cpu{number}" for number in range(os.cpu_count() or 0)}


def _kubelet_series(folder: Path, kubelet: Kubelet, authority: Path, insecure: str) -> tuple[int, str]:
    """How many metrics of the kubelet an agent hands on, and its log."""
    gateway = GatewayStub()
    gateway.up()

    def variant(config: dict[str, Any]) -> None:
        config["receivers"]["kubelet_stats"] |= kubelet.client_settings(folder, authority)

    agent = Agent(
        folder / "agent", gateway.endpoint, kubelet=kubelet, environment={"KUBELET_INSECURE": insecure}, variant=variant
    )
    with running(agent):
        wait_until(lambda: len([name for name in _names(gateway) if name == "system.cpu.time"]) >= 3, 20, "the node")
    gateway.down()
    return len([name for name in _names(gateway) if name.startswith("k8s.")]), agent.log()


def _names(gateway: GatewayStub) -> list[str]:
    return [metric.name for _, metric in list(gateway.metrics)]


def test_a_kubelet_whose_certificate_nobody_signed_is_asked_only_where_the_settings_say_so(tmp_path: Path) -> None:
    kubelet = Kubelet(tmp_path / "kubelet")
    another, _ = self_signed(tmp_path / "authority", "another", kubelet.address)
    refused, log = _kubelet_series(tmp_path / "strict", kubelet, another, "false")
    assert (refused, kubelet.asked) == (0, [])
    assert "certificate signed by unknown authority" in log
    allowed, _ = _kubelet_series(tmp_path / "insecure", kubelet, another, "true")
    assert allowed > 0


def test_the_kubelet_is_asked_for_nothing_but_its_figures(tmp_path: Path) -> None:
    """So the role needs ``nodes/stats`` and no more."""
    kubelet = Kubelet(tmp_path / "kubelet")
    gateway = GatewayStub()
    gateway.up()
    with running(Agent(tmp_path / "agent", gateway.endpoint, kubelet=kubelet)):
        wait_until(lambda: len(kubelet.asked) >= 2, 20, "two questions")
    gateway.down()
    assert set(kubelet.asked) == {"/stats/summary"}
