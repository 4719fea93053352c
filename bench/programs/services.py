"""A number of hardened services like the platform's, and nothing else: how the cost grows with their number."""

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi import ResourceOptions
from pulumi_kubernetes.core.v1 import Namespace

from components.namespace_context import NamespaceContext
from components.workload import Probes, Workload, WorkloadArgs

config = pulumi.Config()
cluster = kubernetes.Provider("cluster", context=config.require("context"), enable_config_map_mutable=True)
on = ResourceOptions(provider=cluster)
namespace = Namespace("services", metadata={"name": "bench-services"}, opts=on)
place = NamespaceContext(
    namespace=namespace.metadata["name"].apply(str),
    environment="local",
    cluster="bench",
    storage_class=None,
    wait_for_ready=False,
)
for number in range(config.require_int("services")):
    Workload(
        f"service-{number}",
        WorkloadArgs(
            context=place,
            image="registry.example/service@sha256:" + "0" * 64,
            cpu="100m",
            memory="128Mi",
            ports={"http": 8000, "metrics": 9108},
            probes=Probes(port="http", liveness_path="/healthz", readiness_path="/healthz"),
            empty_dirs={"/tmp": "64Mi"},
        ),
        on,
    )
