"""Prometheus' configuration on the real Prometheus, with a Kubernetes API that knows of the Services that a test names.

What differs from what ships: folders, addresses, the way to the Kubernetes API, and the interval of scrapes and rules.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from tests.support.collector_process import KubernetesStub, pod
from tests.support.http_json import ask
from tests.support.tool_process import ToolProcess, tool


def service(
    name: str, port_name: str, port: int, addresses: Sequence[str], namespace: str = "observability"
) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """The objects of a Service as the program deploys it, with a pod ``<name>-<n>`` at each address."""
    labels = {"app.kubernetes.io/name": name, "atlas/environment": "local"}
    pods = [pod(f"{name}-{number}", namespace, address) for number, address in enumerate(addresses)]
    endpoints = [
        {
            "addresses": [each["status"]["podIP"]],
            "conditions": {"ready": True},
            "targetRef": {"kind": "Pod", "name": each["metadata"]["name"], "namespace": namespace},
        }
        for each in pods
    ]
    slices = {
        "metadata": {"name": f"{name}-1", "namespace": namespace, "labels": {"kubernetes.io/service-name": name}},
        "addressType": "IPv4",
        "endpoints": endpoints,
        "ports": [{"name": port_name, "port": port, "protocol": "TCP"}],
    }
    metadata = {"name": name, "namespace": namespace, "labels": labels}
    return {
        (namespace, "services"): [{"metadata": metadata, "spec": {}}],
        (namespace, "endpointslices"): [slices],
        (namespace, "pods"): pods,
    }


def cluster(*services: Mapping[tuple[str, str], list[dict[str, Any]]]) -> KubernetesStub:
    """An API server that knows of these."""
    objects: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for each in services:
        for key, items in each.items():
            objects.setdefault(key, []).extend(items)
    return KubernetesStub(objects)


class Prometheus(ToolProcess):
    """One Prometheus, with its data in ``<folder>/data``. ``files`` are its configuration and its rules, by their names."""

    ready_within = ends_within = 60

    def __init__(
        self,
        folder: Path,
        address: str,
        files: Mapping[str, str],
        kubernetes: KubernetesStub,
        *,
        interval: str = "1s",
        arguments: Sequence[str] = ("--web.enable-otlp-receiver", "--enable-feature=exemplar-storage"),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.url = f"http://{address}:9090"
        (folder / "rules").mkdir(parents=True)
        for name, text in files.items():
            if name != "prometheus.yaml":
                (folder / "rules" / name).write_text(text)
        text = files["prometheus.yaml"].replace("/etc/prometheus/rules", str(folder / "rules"))
        config = yaml.safe_load(text)
        kubeconfig = str(kubernetes.kubeconfig(folder / "kubeconfig"))
        for job in config["scrape_configs"]:
            for discovery in job.get("kubernetes_sd_configs", []):
                discovery["kubeconfig_file"] = kubeconfig
        config["global"] |= dict.fromkeys(("scrape_interval", "scrape_timeout", "evaluation_interval"), interval)
        (folder / "prometheus.yaml").write_text(yaml.safe_dump(config))
        command = [
            tool("prometheus"),
            f"--config.file={folder / 'prometheus.yaml'}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address={address}:9090",
            *arguments,
        ]
        told = {"ENVIRONMENT": "local", "CLUSTER": "test", "REPLICA": "prometheus-0", **(environment or {})}
        super().__init__(command, f"{self.url}/-/ready", folder / "log", {"MY_POD_IP": address} | told)

    def ask(self, what: str, **query: Any) -> Any:
        """The data of an answer of its API."""
        return ask(f"{self.url}/api/v1/{what}", timeout=20, **query)["data"]

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The series of an expression, now."""
        return self.ask("query", query=expression)["result"]
