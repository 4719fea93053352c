"""What NetworkPolicies mean: may this pod open a connection to that one? As the Kubernetes documentation defines it.

A connection needs both sides: the source's egress and the destination's ingress. A side that no policy selects is open.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Any


@dataclass(frozen=True)
class Pod:
    namespace: str
    name: str

    @property
    def labels(self) -> dict[str, str]:
        return {"app.kubernetes.io/name": self.name}


@dataclass(frozen=True)
class Address:
    """Something outside the cluster's pods, or the API server."""

    ip: str


@dataclass(frozen=True)
class Reachability:
    """``policies`` are NetworkPolicy objects as data."""

    policies: tuple[Mapping[str, Any], ...]

    def allows(self, source: Pod, destination: Pod | Address, port: int, protocol: str = "TCP") -> bool:
        out = self._side(source, "Egress", "to", destination, port, protocol)
        return out and (
            isinstance(destination, Address) or self._side(destination, "Ingress", "from", source, port, protocol)
        )

    def _side(self, pod: Pod, direction: str, peers: str, other: Pod | Address, port: int, protocol: str) -> bool:
        applying = [policy["spec"] for policy in self.policies if self._applies(policy, pod, direction)]
        rules = [rule for spec in applying for rule in spec.get(direction.lower(), [])]
        return not applying or any(
            _ports_match(rule.get("ports"), port, protocol) and _peers_match(rule.get(peers), other, pod)
            for rule in rules
        )

    @staticmethod
    def _applies(policy: Mapping[str, Any], pod: Pod, direction: str) -> bool:
        spec = policy["spec"]
        return (
            policy["metadata"]["namespace"] == pod.namespace
            and direction in spec["policyTypes"]
            and _selects(spec["podSelector"], pod.labels)
        )


def _selects(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    assert set(selector) <= {"matchLabels"}, f"the evaluator does not know {selector}"
    return all(labels.get(key) == value for key, value in selector.get("matchLabels", {}).items())


def _ports_match(ports: Iterable[Mapping[str, Any]] | None, port: int, protocol: str) -> bool:
    return not ports or any(each["port"] == port and each.get("protocol", "TCP") == protocol for each in ports)


def _peers_match(peers: Iterable[Mapping[str, Any]] | None, other: Pod | Address, own: Pod) -> bool:
    return not peers or any(_peer_matches(peer, other, own) for peer in peers)


def _peer_matches(peer: Mapping[str, Any], other: Pod | Address, own: Pod) -> bool:
    if isinstance(other, Address):
        block = peer.get("ipBlock")
        if block is None:
            return False
        address = ip_address(other.ip)
        excepted = any(address in ip_network(each) for each in block.get("except", []))
        return address in ip_network(block["cidr"]) and not excepted
    if "ipBlock" in peer:
        return False
    namespace = peer.get("namespaceSelector")
    same = (
        own.namespace == other.namespace
        if namespace is None
        else _selects(namespace, {"kubernetes.io/metadata.name": other.namespace})
    )
    labels = other.labels | ({"k8s-app": "kube-dns"} if other == DNS else {})
    return same and _selects(peer.get("podSelector", {}), labels)


DNS = Pod("kube-system", "coredns")
