"""Who may talk to whom: one table, and the NetworkPolicies that it means. Everything else is denied, both ways.

The cluster's network plugin has to enforce NetworkPolicy for this to hold.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi import Input, ResourceOptions
from pulumi_kubernetes.networking.v1 import (
    NetworkPolicy,
    NetworkPolicyEgressRuleArgsDict,
    NetworkPolicyIngressRuleArgsDict,
    NetworkPolicyPeerArgsDict,
    NetworkPolicyPortArgsDict,
)

OTLP = (4317, 4318)
METRICS = (8000, 8080, 9108, 9121, 9187, 9464, 15692)
"""Where the platform's services and exporters are scraped."""


@dataclass(frozen=True, kw_only=True)
class Pods:
    """The pods of one workload, or with ``name=None`` every pod of the namespace."""

    namespace: str
    name: str | None = None


class Dns:
    """The cluster's name service."""


class ApiServer:
    """The Kubernetes API."""


@dataclass(frozen=True, kw_only=True)
class Flow:
    """``source`` may open connections to ``ports`` (TCP) of ``destination``, because of ``why``."""

    source: Pods
    destination: Pods | Dns | ApiServer
    ports: tuple[int, ...] = ()
    why: str


EVERY_SERVICE = Pods(namespace="trading")
COLLECTOR = Pods(namespace="observability", name="otel-collector")
PROMETHEUS = Pods(namespace="observability", name="prometheus")
LOKI = Pods(namespace="observability", name="loki")
JAEGER = Pods(namespace="observability", name="jaeger")
GRAFANA = Pods(namespace="observability", name="grafana")

FLOWS: tuple[Flow, ...] = (
    Flow(source=EVERY_SERVICE, destination=COLLECTOR, ports=OTLP, why="telemetry of the platform"),
    Flow(source=PROMETHEUS, destination=EVERY_SERVICE, ports=METRICS, why="scraping"),
    Flow(source=PROMETHEUS, destination=COLLECTOR, ports=(8888,), why="scraping"),
    Flow(source=PROMETHEUS, destination=PROMETHEUS, ports=(9090,), why="scraping each other"),
    Flow(source=PROMETHEUS, destination=LOKI, ports=(3100,), why="scraping"),
    Flow(source=PROMETHEUS, destination=JAEGER, ports=(8888,), why="scraping"),
    Flow(source=PROMETHEUS, destination=GRAFANA, ports=(3000,), why="scraping"),
    Flow(source=COLLECTOR, destination=PROMETHEUS, ports=(9090,), why="metrics over OTLP"),
    Flow(source=COLLECTOR, destination=LOKI, ports=(3100,), why="logs over OTLP"),
    Flow(source=COLLECTOR, destination=JAEGER, ports=(4318,), why="traces over OTLP"),
    Flow(source=GRAFANA, destination=PROMETHEUS, ports=(9090,), why="queries"),
    Flow(source=GRAFANA, destination=LOKI, ports=(3100,), why="queries"),
    Flow(source=GRAFANA, destination=JAEGER, ports=(16686,), why="queries"),
    Flow(source=COLLECTOR, destination=ApiServer(), why="Kubernetes metadata of each signal"),
    Flow(source=PROMETHEUS, destination=ApiServer(), why="discovery of scrape targets"),
    Flow(source=EVERY_SERVICE, destination=Dns(), why="names"),
    Flow(source=COLLECTOR, destination=Dns(), why="names"),
    Flow(source=PROMETHEUS, destination=Dns(), why="names"),
    Flow(source=GRAFANA, destination=Dns(), why="names"),
)


@dataclass(frozen=True, kw_only=True)
class NetworkArgs:
    """``namespaces`` maps the table's namespaces to the deployed ones; ``api_server`` is a network in CIDR notation."""

    namespaces: Mapping[str, Input[str]]
    api_server: str
    api_server_port: int
    flows: Sequence[Flow] = FLOWS


class Network(pulumi.ComponentResource):
    """Default deny in each namespace, then one policy for each side that the table names."""

    def __init__(self, name: str, args: NetworkArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("atlas:index:Network", name, {}, opts)
        child = ResourceOptions(parent=self)
        for namespace, deployed in args.namespaces.items():
            NetworkPolicy(
                f"{namespace}-default-deny",
                metadata={"name": "default-deny", "namespace": deployed},
                spec={"pod_selector": {}, "policy_types": ["Ingress", "Egress"]},
                opts=child,
            )
        for pods in _sides(args.flows):
            called = pods.name or "every-pod"
            NetworkPolicy(
                f"{pods.namespace}-{called}",
                metadata={"name": called, "namespace": args.namespaces[pods.namespace]},
                spec={
                    "pod_selector": {"match_labels": _selector(pods)},
                    "policy_types": ["Ingress", "Egress"],
                    "ingress": _ingress(pods, args.flows),
                    "egress": _egress(pods, args),
                },
                opts=child,
            )
        self.register_outputs({})


def _sides(flows: Iterable[Flow]) -> list[Pods]:
    sides = [side for flow in flows for side in (flow.source, flow.destination) if isinstance(side, Pods)]
    return sorted(set(sides), key=lambda pods: (pods.namespace, pods.name or ""))


def _selector(pods: Pods) -> dict[str, str]:
    return {"app.kubernetes.io/name": pods.name} if pods.name else {}


def _peer(pods: Pods) -> NetworkPolicyPeerArgsDict:
    return {
        "namespace_selector": {"match_labels": {"kubernetes.io/metadata.name": pods.namespace}},
        "pod_selector": {"match_labels": _selector(pods)},
    }


def _tcp(ports: Iterable[int]) -> list[NetworkPolicyPortArgsDict]:
    return [{"protocol": "TCP", "port": port} for port in ports]


def _ingress(pods: Pods, flows: Iterable[Flow]) -> list[NetworkPolicyIngressRuleArgsDict]:
    return [{"from_": [_peer(flow.source)], "ports": _tcp(flow.ports)} for flow in flows if flow.destination == pods]


def _egress(pods: Pods, args: NetworkArgs) -> list[NetworkPolicyEgressRuleArgsDict]:
    return [_towards(flow, args) for flow in args.flows if flow.source == pods]


def _towards(flow: Flow, args: NetworkArgs) -> NetworkPolicyEgressRuleArgsDict:
    match flow.destination:
        case Pods() as pods:
            return {"to": [_peer(pods)], "ports": _tcp(flow.ports)}
        case ApiServer():
            return {"to": [{"ip_block": {"cidr": args.api_server}}], "ports": _tcp([args.api_server_port])}
        case Dns():
            return {
                "to": [
                    {
                        "namespace_selector": {"match_labels": {"kubernetes.io/metadata.name": "kube-system"}},
                        "pod_selector": {"match_labels": {"k8s-app": "kube-dns"}},
                    }
                ],
                "ports": [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}],
            }
