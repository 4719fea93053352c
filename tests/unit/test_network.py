"""The network, judged by what the deployed NetworkPolicies mean and not by how they are written."""

from itertools import product

import pytest
from reachability import DNS, Address, Pod, Reachability
from synthesis import synthesise

from components.network import FLOWS, ApiServer, Dns, Pods

API_SERVER = Address("10.0.0.1")
INTERNET = Address("203.0.113.7")

WORKER, API = Pod("trading", "workers"), Pod("trading", "api")
COLLECTOR, PROMETHEUS, LOKI, JAEGER, GRAFANA = (
    Pod("observability", name) for name in ("otel-collector", "prometheus", "loki", "jaeger", "grafana")
)
STRANGER = Pod("default", "stranger")
PODS = (WORKER, API, COLLECTOR, PROMETHEUS, LOKI, JAEGER, GRAFANA, STRANGER)
PORTS = (22, 443, 3000, 3100, 4317, 4318, 5432, 6379, 6443, 8000, 8888, 9090, 9108, 9464, 13133, 16686)

WANTED = {
    *product((WORKER, API), (COLLECTOR,), (4317, 4318)),
    *product((PROMETHEUS,), (WORKER, API), (8000, 9108, 9464)),
    (PROMETHEUS, COLLECTOR, 8888),
    (PROMETHEUS, PROMETHEUS, 9090),
    (PROMETHEUS, LOKI, 3100),
    (PROMETHEUS, JAEGER, 8888),
    (PROMETHEUS, GRAFANA, 3000),
    (COLLECTOR, PROMETHEUS, 9090),
    (COLLECTOR, LOKI, 3100),
    (COLLECTOR, JAEGER, 4318),
    (GRAFANA, PROMETHEUS, 9090),
    (GRAFANA, LOKI, 3100),
    (GRAFANA, JAEGER, 16686),
}


@pytest.fixture(scope="module")
def network() -> Reachability:
    return Reachability(tuple(policy.inputs for policy in synthesise("prod").of_kind("NetworkPolicy")))


def test_exactly_the_wanted_connections_are_allowed(network: Reachability) -> None:
    ours = [
        (source, destination, port)
        for source, destination, port in product(PODS, PODS, PORTS)
        if (source, destination) != (STRANGER,) * 2
    ]
    allowed = {
        (source, destination, port) for source, destination, port in ours if network.allows(source, destination, port)
    }
    assert allowed == WANTED


@pytest.mark.parametrize("pod", PODS[:-1], ids=lambda pod: pod.name)
def test_nobody_reaches_the_internet(network: Reachability, pod: Pod) -> None:
    assert not any(network.allows(pod, INTERNET, port) for port in PORTS)


def test_only_discovery_reaches_the_api_server(network: Reachability) -> None:
    assert {pod for pod in PODS if network.allows(pod, API_SERVER, 6443)} == {COLLECTOR, PROMETHEUS, STRANGER}


def test_whoever_uses_names_reaches_dns_over_both_protocols(network: Reachability) -> None:
    for protocol in ("TCP", "UDP"):
        assert {pod for pod in PODS if network.allows(pod, DNS, 53, protocol)} == {
            WORKER,
            API,
            COLLECTOR,
            PROMETHEUS,
            GRAFANA,
            STRANGER,
        }


def test_a_pod_that_nobody_planned_for_is_cut_off(network: Reachability) -> None:
    unplanned = Pod("observability", "unplanned")
    assert not any(
        network.allows(unplanned, each, port) or network.allows(each, unplanned, port)
        for each in PODS
        for port in PORTS
    )


def test_every_workload_has_a_policy_and_every_policy_a_workload() -> None:
    program = synthesise("prod")
    workloads = {workload.name for workload, _ in program.pods()}
    named = {
        pods.name for flow in FLOWS for pods in (flow.source, flow.destination) if isinstance(pods, Pods) and pods.name
    }
    assert named == workloads


def test_every_flow_says_why_and_where() -> None:
    for flow in FLOWS:
        assert flow.why
        assert bool(flow.ports) is isinstance(flow.destination, Pods)
        assert isinstance(flow.destination, Pods | Dns | ApiServer)
