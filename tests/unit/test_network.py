"""The network, judged by what the deployed NetworkPolicies mean and not by how they are written."""

import json
from collections.abc import Callable
from functools import cache
from itertools import product

import pytest

from components.inventory import WITHOUT_METRICS
from components.network_policies import FLOWS, ExternalCidr, ExternalNamespace, PodSelector
from components.platform_services import DATA_PORTS, JOBS, SERVICES, ServiceSpec
from tests.support.synthesis import Program, stack_configuration, synthesise
from tests.support.variants import VARIANTS
from tests.unit.reachability import DNS, Address, Pod, Reachability

Connection = tuple[Pod, Pod | Address, int]

API_SERVER = Address("10.0.0.1")
NODE = Address("10.0.3.4")
DATABASES = Address("10.1.0.7")
INTERNET = Address("203.0.113.7")
METADATA = Address("169.254.169.254")

API, UI, WORKERS, BOT, BACKTESTER, DB, CACHE, BUS = (
    Pod("trading", name) for name in ("api", "ops-ui", "workers", "ops-bot", "backtester", "db", "cache", "rabbitmq")
)
COLLECTOR, PROMETHEUS, ALERTMANAGER, LOKI, JAEGER, GRAFANA, STATE, BLACKBOX, REDIS_EXPORTER, POSTGRES_EXPORTER = (
    Pod("observability", name)
    for name in (
        "otel-collector",
        "prometheus",
        "alertmanager",
        "loki",
        "jaeger",
        "grafana",
        "kube-state-metrics",
        "blackbox-exporter",
        "redis-exporter",
        "postgres-exporter",
    )
)
VICTORIALOGS = Pod("observability", "victorialogs")
AGENT = Pod("node-agents", "node-agent")
INGRESS = Pod("ingress-nginx", "controller")
STRANGER = Pod("default", "stranger")
PORTS = (
    22,
    80,
    443,
    3000,
    3100,
    4317,
    4318,
    5432,
    5672,
    6379,
    6443,
    7946,
    8000,
    8080,
    8888,
    9090,
    9093,
    9094,
    9095,
    9108,
)
PORTS += (9115, 9121, 9187, 9428, 9464, 10250, 13133, 15672, 15692, 16686)

PLATFORM = (API, UI, WORKERS, BOT, BACKTESTER)
# What is not told by name here is held to its own entry.
OTHERS = {Pod("trading", name): entry for name, entry in SERVICES.items() if Pod("trading", name) not in PLATFORM}
PORTS += tuple({port for entry in OTHERS.values() for port in entry.ports.values()} - set(PORTS))


def others(condition: Callable[[ServiceSpec], object]) -> set[Pod]:
    return {pod for pod, entry in OTHERS.items() if condition(entry)}


def calls_nobody(name: str) -> bool:
    entry = SERVICES[name]
    return not (entry.depends_on or entry.data_services or entry.internet_egress_reason)


def of_entry(pod: Pod, entry: ServiceSpec, *, embedded: bool) -> set[Connection]:
    """Its connections to pods of ours, besides its telemetry."""
    called = {name: SERVICES[name].port or SERVICES[name].metrics_port for name in entry.depends_on}
    called |= {name: DATA_PORTS[name] for name in entry.data_services} if embedded else {}
    found: set[Connection] = {(pod, Pod("trading", name), port) for name, port in called.items()}
    if not entry.job:
        found |= {(PROMETHEUS, pod, entry.metrics_port)}
        found |= {(BLACKBOX, pod, entry.port)} if entry.port else set()
    return found


def wanted(everyone: tuple[Pod, ...], *, embedded: bool) -> set[Connection]:
    """Every connection between pods of ours that there is a reason for."""
    trading = tuple(pod for pod in everyone if pod.namespace == "trading")
    store, port = (LOKI, 3100) if LOKI in everyone else (VICTORIALOGS, 9428)
    gossip: set[Connection] = {(LOKI, LOKI, 7946), (LOKI, LOKI, 9095)} if store == LOKI else set()
    jaeger: set[Connection] = {(PROMETHEUS, JAEGER, 8888), (COLLECTOR, JAEGER, 4318), (GRAFANA, JAEGER, 16686)}
    data: set[Connection] = {
        *product((API, WORKERS), (DB,), (5432,)),
        *product((API, WORKERS, BOT), (CACHE,), (6379,)),
        *product((API, WORKERS, BOT), (BUS,), (5672,)),
        (REDIS_EXPORTER, CACHE, 6379),
        (POSTGRES_EXPORTER, DB, 5432),
        (PROMETHEUS, BUS, 15692),
    }
    return {
        *product(trading, (COLLECTOR,), (4317, 4318)),
        *product((PROMETHEUS,), (API, UI, BOT), (9464,)),
        (PROMETHEUS, WORKERS, 9108),
        (AGENT, COLLECTOR, 4317),
        (COLLECTOR, PROMETHEUS, 9090),
        *product((COLLECTOR, PROMETHEUS, GRAFANA), (store,), (port,)),
        *gossip,
        *product((PROMETHEUS,), (COLLECTOR, AGENT), (8888,)),
        (PROMETHEUS, PROMETHEUS, 9090),
        (PROMETHEUS, ALERTMANAGER, 9093),
        (PROMETHEUS, GRAFANA, 3000),
        (PROMETHEUS, STATE, 8080),
        (PROMETHEUS, BLACKBOX, 9115),
        (PROMETHEUS, REDIS_EXPORTER, 9121),
        (PROMETHEUS, POSTGRES_EXPORTER, 9187),
        (ALERTMANAGER, ALERTMANAGER, 9094),
        (GRAFANA, PROMETHEUS, 9090),
        (UI, API, 8000),
        *product((API, UI, BOT), (WORKERS,), (9108,)),
        (BLACKBOX, API, 8000),
        (BLACKBOX, UI, 3000),
        (BLACKBOX, BOT, 8080),
        *((jaeger | data) if embedded else set()),
        *(each for pod, entry in OTHERS.items() for each in of_entry(pod, entry, embedded=embedded)),
    }


@cache
def program(stack: str) -> Program:
    return synthesise(*VARIANTS[stack])


@cache
def network(stack: str) -> Reachability:
    return Reachability(tuple(policy.inputs for policy in program(stack).of_kind("NetworkPolicy")))


@cache
def everyone(stack: str) -> tuple[Pod, ...]:
    """Every pod of the stack, also those of jobs."""
    workloads = program(stack).of_kind("Deployment", "StatefulSet", "DaemonSet", "CronJob")
    return tuple(Pod(str(each.namespace), each.name) for each in workloads)


@pytest.mark.parametrize("stack", ["local", "prod", "victorialogs"])
def test_exactly_the_wanted_connections_are_allowed(stack: str) -> None:
    pods = (*everyone(stack), STRANGER)
    allowed = {
        (source, destination, port)
        for source, destination, port in product(pods, pods, PORTS)
        if (source, destination) != (STRANGER, STRANGER) and network(stack).allows(source, destination, port)
    }
    assert allowed == wanted(everyone(stack), embedded=stack != "prod")


def reaching(stack: str, address: Address, port: int) -> set[Pod]:
    return {pod for pod in everyone(stack) if network(stack).allows(pod, address, port)}


def test_only_what_has_a_store_or_people_outside_reaches_the_internet_and_by_https_alone() -> None:
    platform = {API, WORKERS, BOT} | others(lambda entry: entry.internet_egress_reason)
    assert reaching("local", INTERNET, 443) == platform
    assert reaching("prod", INTERNET, 443) == platform | {COLLECTOR, PROMETHEUS, LOKI, ALERTMANAGER, GRAFANA}
    for stack in ("local", "prod"):
        assert not [port for port in PORTS if port != 443 and reaching(stack, INTERNET, port)]


def test_nobody_reaches_the_metadata_service_of_a_cloud() -> None:
    assert not [port for port in PORTS if reaching("prod", METADATA, port)]


def test_only_discovery_reaches_the_api_server() -> None:
    assert reaching("prod", API_SERVER, 6443) == {COLLECTOR, PROMETHEUS, STATE}


def test_only_the_node_agent_reaches_a_kubelet() -> None:
    assert reaching("prod", NODE, 10250) == {AGENT}


def test_external_data_services_are_reached_by_their_users_alone() -> None:
    assert reaching("prod", DATABASES, 5432) == {API, WORKERS, POSTGRES_EXPORTER} | others(
        lambda entry: "db" in entry.data_services
    )
    assert reaching("prod", DATABASES, 6379) == {API, WORKERS, BOT, REDIS_EXPORTER} | others(
        lambda entry: "cache" in entry.data_services
    )
    assert reaching("prod", DATABASES, 5672) == {API, WORKERS, BOT} | others(
        lambda entry: "rabbitmq" in entry.data_services
    )
    assert reaching("prod", DATABASES, 15692) == {PROMETHEUS}


def test_people_come_in_through_the_ingress_controller_alone() -> None:
    doors = {(pod, port) for pod in everyone("prod") for port in PORTS if network("prod").allows(INGRESS, pod, port)}
    assert doors == {(GRAFANA, 3000), (UI, 3000), (API, 8000)}


def test_gossip_goes_over_both_protocols() -> None:
    for protocol in ("TCP", "UDP"):
        assert network("prod").allows(ALERTMANAGER, ALERTMANAGER, 9094, protocol)
    assert not network("prod").allows(PROMETHEUS, PROMETHEUS, 9090, "UDP")


def test_whoever_uses_names_reaches_dns_over_both_protocols() -> None:
    for protocol in ("TCP", "UDP"):
        without = {pod for pod in everyone("local") if not network("local").allows(pod, DNS, 53, protocol)}
        assert without == {JAEGER, STATE}


def test_a_store_on_a_private_network_is_reached_where_it_is_named() -> None:
    cluster = json.dumps(
        {"context": "atlas-dev", "apiServer": "10.0.0.1/32", "nodes": "10.0.0.0/16", "privateBackends": "10.9.0.0/24"}
    )
    changed = synthesise("dev", {"atlas:cluster": cluster})
    rules = Reachability(tuple(policy.inputs for policy in changed.of_kind("NetworkPolicy")))
    allowed = {pod for pod in everyone("dev") if rules.allows(pod, Address("10.9.0.5"), 9000)}
    assert allowed == {COLLECTOR, PROMETHEUS, ALERTMANAGER, LOKI, GRAFANA}
    assert reaching("dev", Address("10.9.0.5"), 9000) == set()


def test_another_service_of_the_platforms_namespace_is_scraped_at_the_ports_that_the_settings_add() -> None:
    foreign, ports = Pod("trading", "reports"), (80, 9200, 9300)
    platform = json.loads(stack_configuration("local")["atlas:platform"]) | {"additionalMetricsPorts": [9200]}
    changed = synthesise("local", {"atlas:platform": json.dumps(platform)})
    rules = Reachability(tuple(policy.inputs for policy in changed.of_kind("NetworkPolicy")))
    assert [port for port in ports if rules.allows(PROMETHEUS, foreign, port)] == [9200]
    assert [port for port in ports if rules.allows(COLLECTOR, foreign, port)] == []
    assert [port for port in ports if network("local").allows(PROMETHEUS, foreign, port)] == []


def test_a_pod_that_nobody_planned_for_is_cut_off() -> None:
    unplanned = Pod("observability", "unplanned")
    assert not any(
        network("prod").allows(unplanned, each, port) or network("prod").allows(each, unplanned, port)
        for each in everyone("prod")
        for port in PORTS
    )
    addresses = (INTERNET, METADATA, API_SERVER, NODE, DATABASES)
    assert not [(to, port) for to in addresses for port in PORTS if network("prod").allows(unplanned, to, port)]


@pytest.mark.parametrize("stack", ["local", "prod"])
def test_every_workload_has_a_policy_and_every_policy_a_workload(stack: str) -> None:
    selected = {
        policy.inputs["spec"]["podSelector"]["matchLabels"]["app.kubernetes.io/name"]
        for policy in program(stack).of_kind("NetworkPolicy")
        if policy.inputs["spec"]["podSelector"].get("matchLabels")
    }
    # A job is not called by anybody; one that calls nobody of its own has what every pod of its namespace has.
    assert selected == {pod.name for pod in everyone(stack)} - {name for name in JOBS if calls_nobody(name)}


def test_every_flow_says_why_and_where() -> None:
    named = {pods.name for flow in FLOWS for pods in (flow.source, flow.destination) if isinstance(pods, PodSelector)}
    everybody = {pod.name for stack in ("local", "prod", "victorialogs") for pod in everyone(stack)}
    assert named - {None} == everybody - {name for name in JOBS if calls_nobody(name)}
    for flow in FLOWS:
        assert flow.reason
        assert isinstance(flow.destination, PodSelector | ExternalNamespace | ExternalCidr)
    assert {DB.name, CACHE.name} == WITHOUT_METRICS
