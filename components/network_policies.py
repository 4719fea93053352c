"""Who may talk to whom: one table, and the NetworkPolicies that it means. Everything else is denied, both ways.

The cluster's network plugin has to enforce NetworkPolicy for this to hold.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import pulumi
from pulumi import Input, ResourceOptions
from pulumi_kubernetes.networking.v1 import (
    NetworkPolicy,
    NetworkPolicyEgressRuleArgsDict,
    NetworkPolicyIngressRuleArgsDict,
    NetworkPolicyPeerArgsDict,
    NetworkPolicyPortArgsDict,
)

from components.backend import used_backends
from components.inventory import Workloads, workloads
from components.platform_services import BROKER_METRICS_PORT, DATA_PORTS, DEPLOYMENTS, JOBS, SERVICES, public_url
from settings.model import Settings
from settings.secret_table import alert_files

OTLP = (4317, 4318)
PRIVATE_RANGES = ("10.0.0.0/8", "100.64.0.0/10", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16")
"""What the internet is not: clusters, nodes, and the metadata services of clouds."""


@dataclass(frozen=True, kw_only=True)
class PodSelector:
    """The pods of one workload, or with ``name=None`` every pod of the namespace. ``namespace`` is a role, not a name."""

    namespace: str
    name: str | None = None


@dataclass(frozen=True)
class ExternalNamespace:
    """Every pod of a namespace that is not ours: ``operator`` or ``ingress``."""

    role: str


@dataclass(frozen=True)
class ExternalCidr:
    """Addresses outside our pods: ``api-server``, ``nodes``, ``data`` (external data services),
    ``private-backends`` (any port), ``internet``, ``dns``."""

    name: str


API_SERVER, NODES, DATA, PRIVATE_BACKENDS, INTERNET, DNS = (
    ExternalCidr(what) for what in ("api-server", "nodes", "data", "private-backends", "internet", "dns")
)


@dataclass(frozen=True, kw_only=True)
class Flow:
    """``source`` may open connections to ``ports`` of ``destination`` over TCP (and ``udp`` as well), because of ``why``."""

    source: PodSelector | ExternalNamespace
    destination: PodSelector | ExternalNamespace | ExternalCidr
    ports: tuple[int, ...] = ()
    udp: bool = False
    reason: str


EVERY_SERVICE = PodSelector(namespace="trading")
NODE_AGENT = PodSelector(namespace="agents", name="node-agent")
COLLECTOR, PROMETHEUS, ALERTMANAGER, LOKI, VICTORIALOGS, JAEGER, GRAFANA = (
    PodSelector(namespace="observability", name=name)
    for name in ("otel-collector", "prometheus", "alertmanager", "loki", "victorialogs", "jaeger", "grafana")
)
KUBE_STATE_METRICS, BLACKBOX, REDIS_EXPORTER, POSTGRES_EXPORTER = (
    PodSelector(namespace="observability", name=name)
    for name in ("kube-state-metrics", "blackbox-exporter", "redis-exporter", "postgres-exporter")
)
OPERATOR, INGRESS = ExternalNamespace("operator"), ExternalNamespace("ingress")


def _platform_flows() -> Iterator[Flow]:
    """What the entries of the platform's services say of themselves."""
    for name, service in SERVICES.items():
        pods = PodSelector(namespace="trading", name=name)
        for callee in service.depends_on:
            ports = tuple(SERVICES[callee].ports.values())[:1]
            yield Flow(
                source=pods,
                destination=PodSelector(namespace="trading", name=callee),
                ports=ports,
                reason="its callers",
            )
        for data in service.data_services:
            ports = (DATA_PORTS[data],)
            yield Flow(
                source=pods, destination=PodSelector(namespace="trading", name=data), ports=ports, reason="its data"
            )
            yield Flow(source=pods, destination=DATA, ports=ports, reason="its data")
        if service.internet_egress_reason:
            yield Flow(source=pods, destination=INTERNET, ports=(443,), reason=service.internet_egress_reason)
        if service.port and not service.job:
            yield Flow(source=BLACKBOX, destination=pods, ports=(service.port,), reason="probes")
            yield Flow(source=INGRESS, destination=pods, ports=(service.port,), reason="people and clients")


def _scrape_flows(prometheus: PodSelector | ExternalNamespace) -> Iterator[Flow]:
    """What a Prometheus reads, be it ours or the operator's."""
    for pods, port in (
        (COLLECTOR, 8888),
        (PROMETHEUS, 9090),
        (ALERTMANAGER, 9093),
        (LOKI, 3100),
        (VICTORIALOGS, 9428),
        (JAEGER, 8888),
        (GRAFANA, 3000),
        (KUBE_STATE_METRICS, 8080),
        (BLACKBOX, 9115),
        (REDIS_EXPORTER, 9121),
        (POSTGRES_EXPORTER, 9187),
        (NODE_AGENT, 8888),
    ):
        yield Flow(source=prometheus, destination=pods, ports=(port,), reason="scraping")
    for name in DEPLOYMENTS:
        pods = PodSelector(namespace="trading", name=name)
        yield Flow(source=prometheus, destination=pods, ports=(SERVICES[name].metrics_port,), reason="scraping")
    broker = PodSelector(namespace="trading", name="rabbitmq")
    yield Flow(source=prometheus, destination=broker, ports=(BROKER_METRICS_PORT,), reason="scraping")


def _additional_scrape_flows(ports: Sequence[int]) -> Iterator[Flow]:
    """Scraping of pods in the platform's namespace that are not of the platform."""
    for prometheus in (PROMETHEUS, OPERATOR) if ports else ():
        yield Flow(
            source=prometheus, destination=EVERY_SERVICE, ports=tuple(ports), reason="scraping of other services"
        )


FLOWS: tuple[Flow, ...] = (
    Flow(source=EVERY_SERVICE, destination=COLLECTOR, ports=OTLP, reason="telemetry of the platform"),
    Flow(source=NODE_AGENT, destination=COLLECTOR, ports=(4317,), reason="logs and metrics of nodes"),
    Flow(source=NODE_AGENT, destination=NODES, ports=(10250,), reason="what the kubelet knows"),
    Flow(source=COLLECTOR, destination=PROMETHEUS, ports=(9090,), reason="metrics over OTLP"),
    Flow(source=COLLECTOR, destination=LOKI, ports=(3100,), reason="logs over OTLP"),
    Flow(source=COLLECTOR, destination=VICTORIALOGS, ports=(9428,), reason="logs over OTLP"),
    Flow(source=COLLECTOR, destination=JAEGER, ports=(4318,), reason="traces over OTLP"),
    Flow(source=COLLECTOR, destination=OPERATOR, ports=(9090,), reason="metrics over OTLP"),
    *(
        Flow(source=each, destination=PRIVATE_BACKENDS, reason="stores of the cluster's owner")
        for each in (COLLECTOR, PROMETHEUS, ALERTMANAGER, LOKI)
    ),
    Flow(source=COLLECTOR, destination=INTERNET, ports=(443,), reason="stores outside, where set"),
    *_scrape_flows(PROMETHEUS),
    *_scrape_flows(OPERATOR),
    Flow(source=PROMETHEUS, destination=ALERTMANAGER, ports=(9093,), reason="alerts"),
    Flow(source=PROMETHEUS, destination=DATA, ports=(BROKER_METRICS_PORT,), reason="scraping the broker"),
    Flow(source=PROMETHEUS, destination=INTERNET, ports=(443,), reason="remote write, where set"),
    Flow(source=ALERTMANAGER, destination=ALERTMANAGER, ports=(9094,), udp=True, reason="gossip"),
    Flow(source=ALERTMANAGER, destination=INTERNET, ports=(443,), reason="people and the heartbeat monitor"),
    Flow(source=LOKI, destination=LOKI, ports=(7946,), udp=True, reason="gossip"),
    Flow(source=LOKI, destination=LOKI, ports=(9095,), reason="what another replica holds"),
    Flow(source=LOKI, destination=INTERNET, ports=(443,), reason="object storage, where set"),
    Flow(source=GRAFANA, destination=PROMETHEUS, ports=(9090,), reason="queries"),
    Flow(source=GRAFANA, destination=OPERATOR, ports=(9090,), reason="queries"),
    Flow(source=GRAFANA, destination=LOKI, ports=(3100,), reason="queries"),
    Flow(source=GRAFANA, destination=VICTORIALOGS, ports=(9428,), reason="queries"),
    Flow(source=GRAFANA, destination=JAEGER, ports=(16686,), reason="queries"),
    Flow(source=GRAFANA, destination=PRIVATE_BACKENDS, reason="queries of stores outside"),
    Flow(source=GRAFANA, destination=INTERNET, ports=(443,), reason="queries of stores outside, where set"),
    Flow(source=OPERATOR, destination=LOKI, ports=(3100,), reason="queries of a Grafana beside the operator"),
    Flow(source=OPERATOR, destination=VICTORIALOGS, ports=(9428,), reason="queries of a Grafana beside the operator"),
    Flow(source=OPERATOR, destination=JAEGER, ports=(16686,), reason="queries of a Grafana beside the operator"),
    Flow(
        source=REDIS_EXPORTER,
        destination=PodSelector(namespace="trading", name="cache"),
        ports=(6379,),
        reason="metrics",
    ),
    Flow(source=REDIS_EXPORTER, destination=DATA, ports=(6379,), reason="metrics"),
    Flow(
        source=POSTGRES_EXPORTER,
        destination=PodSelector(namespace="trading", name="db"),
        ports=(5432,),
        reason="metrics",
    ),
    Flow(source=POSTGRES_EXPORTER, destination=DATA, ports=(5432,), reason="metrics"),
    *(
        Flow(source=each, destination=API_SERVER, reason="discovery")
        for each in (COLLECTOR, PROMETHEUS, KUBE_STATE_METRICS)
    ),
    *_platform_flows(),
    Flow(source=INGRESS, destination=GRAFANA, ports=(3000,), reason="people"),
    *(
        Flow(source=each, destination=DNS, reason="names")
        for each in (
            EVERY_SERVICE,
            NODE_AGENT,
            COLLECTOR,
            PROMETHEUS,
            ALERTMANAGER,
            LOKI,
            GRAFANA,
            BLACKBOX,
            REDIS_EXPORTER,
            POSTGRES_EXPORTER,
        )
    ),
)


@dataclass(frozen=True, kw_only=True)
class NetworkPoliciesArgs:
    """``namespaces`` maps roles to names, ``addresses`` what is outside to CIDRs, ``external_namespaces`` roles to namespaces.

    A flow from or to what is in none of them, or not in ``workloads``, is left out. Only the workloads in ``internet_egress`` get
    their flows to the internet, and only those in ``public`` theirs from the ingress controller.
    """

    namespaces: Mapping[str, Input[str]]
    workloads: Workloads
    addresses: Mapping[str, str]
    external_namespaces: Mapping[str, str]
    internet_egress: frozenset[str]
    public: frozenset[str]
    api_server_port: int
    flows: Sequence[Flow] = FLOWS

    @staticmethod
    def of(
        settings: Settings, namespaces: Mapping[str, Input[str]], configured_secrets: Collection[str]
    ) -> "NetworkPoliciesArgs":
        """What the settings say of addresses, neighbours and stores outside."""
        cluster, external = settings.cluster, settings.platform.external
        addresses = {
            "api-server": cluster.api_server,
            "nodes": cluster.nodes,
            "private-backends": cluster.private_backends,
            "data": external.network if external else None,
        }
        foreign = {
            "operator": settings.prometheus.namespace if settings.prometheus.operator else None,
            "ingress": settings.ingress.namespace if settings.ingress else None,
        }
        internet = {name for name, service in SERVICES.items() if service.internet_egress_reason}
        internet |= {backend.sender for backend in used_backends(settings)}
        internet |= {"loki"} if settings.loki.object_storage else set()
        internet |= {"alertmanager"} if alert_files(configured_secrets) else set()
        platform = settings.platform
        jobs = {("trading", name) for name in JOBS} if platform.enabled else set[tuple[str, str]]()
        return NetworkPoliciesArgs(
            namespaces=namespaces,
            workloads=workloads(settings) | jobs,
            addresses={what: address for what, address in addresses.items() if address},
            external_namespaces={role: namespace for role, namespace in foreign.items() if namespace},
            internet_egress=frozenset(internet),
            public=frozenset({"grafana", *(name for name in SERVICES if public_url(name, platform))}),
            api_server_port=cluster.api_server_port,
            flows=(*FLOWS, *_additional_scrape_flows(platform.additional_metrics_ports)),
        )


class NetworkPolicies(pulumi.ComponentResource):
    """Default deny in each namespace, then one policy for each side that the table names."""

    def __init__(self, name: str, args: NetworkPoliciesArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("atlas:index:Network", name, {}, opts)
        child = ResourceOptions(parent=self)
        for role, namespace in args.namespaces.items():
            NetworkPolicy(
                f"{role}-default-deny",
                metadata={"name": "default-deny", "namespace": namespace},
                spec={"pod_selector": {}, "policy_types": ["Ingress", "Egress"]},
                opts=child,
            )
        flows = [flow for flow in args.flows if _is_active(flow, args)]
        for pods in _selected_pods(flows):
            policy_name = pods.name or "every-pod"
            NetworkPolicy(
                f"{pods.namespace}-{policy_name}",
                metadata={"name": policy_name, "namespace": args.namespaces[pods.namespace]},
                spec={
                    "pod_selector": {"match_labels": _selector(pods)},
                    "policy_types": ["Ingress", "Egress"],
                    "ingress": _ingress(pods, flows, args),
                    "egress": _egress(pods, flows, args),
                },
                opts=child,
            )
        self.register_outputs({})


def _is_active(flow: Flow, args: NetworkPoliciesArgs) -> bool:
    """Whether both sides are there in this environment."""
    match flow.destination:
        case ExternalCidr(name="internet"):
            there = flow.source.name in args.internet_egress if isinstance(flow.source, PodSelector) else False
        case ExternalCidr(name=what):
            there = what == "dns" or what in args.addresses
        case PodSelector() as pods:
            there = _exists(pods, args) and (flow.source != INGRESS or pods.name in args.public)
        case side:
            there = _exists(side, args)
    return there and _exists(flow.source, args)


def _exists(pods: PodSelector | ExternalNamespace, args: NetworkPoliciesArgs) -> bool:
    if isinstance(pods, ExternalNamespace):
        return pods.role in args.external_namespaces
    if pods.name is None:
        return pods.namespace in args.namespaces
    return (pods.namespace, pods.name) in args.workloads


def _selected_pods(flows: Iterable[Flow]) -> list[PodSelector]:
    sides = [side for flow in flows for side in (flow.source, flow.destination) if isinstance(side, PodSelector)]
    return sorted(set(sides), key=lambda pods: (pods.namespace, pods.name or ""))


def _selector(pods: PodSelector) -> dict[str, str]:
    return {"app.kubernetes.io/name": pods.name} if pods.name else {}


def _peer(side: PodSelector | ExternalNamespace, args: NetworkPoliciesArgs) -> NetworkPolicyPeerArgsDict:
    if isinstance(side, ExternalNamespace):
        return {
            "namespace_selector": {"match_labels": {"kubernetes.io/metadata.name": args.external_namespaces[side.role]}}
        }
    return {
        "namespace_selector": {"match_labels": {"kubernetes.io/metadata.name": args.namespaces[side.namespace]}},
        "pod_selector": {"match_labels": _selector(side)},
    }


def _ports(flow: Flow) -> list[NetworkPolicyPortArgsDict]:
    protocols = ("TCP", "UDP") if flow.udp else ("TCP",)
    return [{"protocol": protocol, "port": port} for port, protocol in product(flow.ports, protocols)]


def _ingress(
    pods: PodSelector, flows: Iterable[Flow], args: NetworkPoliciesArgs
) -> list[NetworkPolicyIngressRuleArgsDict]:
    return [{"from_": [_peer(flow.source, args)], "ports": _ports(flow)} for flow in flows if flow.destination == pods]


def _egress(
    pods: PodSelector, flows: Iterable[Flow], args: NetworkPoliciesArgs
) -> list[NetworkPolicyEgressRuleArgsDict]:
    return [_egress_rule(flow, args) for flow in flows if flow.source == pods]


def _egress_rule(flow: Flow, args: NetworkPoliciesArgs) -> NetworkPolicyEgressRuleArgsDict:
    match flow.destination:
        case PodSelector() | ExternalNamespace() as side:
            return {"to": [_peer(side, args)], "ports": _ports(flow)}
        case ExternalCidr(name="internet"):
            return {"to": [{"ip_block": {"cidr": "0.0.0.0/0", "except_": list(PRIVATE_RANGES)}}], "ports": _ports(flow)}
        case ExternalCidr(name="dns"):
            return {
                "to": [
                    {
                        "namespace_selector": {"match_labels": {"kubernetes.io/metadata.name": "kube-system"}},
                        "pod_selector": {"match_labels": {"k8s-app": "kube-dns"}},
                    }
                ],
                "ports": [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}],
            }
        case ExternalCidr(name="api-server"):
            ports: list[NetworkPolicyPortArgsDict] = [{"protocol": "TCP", "port": args.api_server_port}]
            return {"to": [{"ip_block": {"cidr": args.addresses["api-server"]}}], "ports": ports}
        case ExternalCidr(name="private-backends"):
            return {"to": [{"ip_block": {"cidr": args.addresses["private-backends"]}}]}
        case ExternalCidr(name=what):
            return {"to": [{"ip_block": {"cidr": args.addresses[what]}}], "ports": _ports(flow)}
