"""As many trivial objects as our program has, by the same provider: ConfigMaps of one line in a namespace of their own."""

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi import ResourceOptions
from pulumi_kubernetes.core.v1 import ConfigMap, Namespace

config = pulumi.Config()
cluster = kubernetes.Provider("cluster", context=config.require("context"), enable_config_map_mutable=True)
on = ResourceOptions(provider=cluster)
namespace = Namespace("trivial", metadata={"name": "bench-trivial"}, opts=on)
for number in range(config.require_int("objects") - 1):
    name = f"trivial-{number}"
    ConfigMap(
        name,
        metadata={"name": name, "namespace": namespace.metadata["name"].apply(str)},
        data={"key": str(number)},
        opts=on,
    )
