"""An object of each kind that matters; the variable CHANGES names the changes to make, if any."""

import os
from pathlib import Path
from typing import Any, TypeVar

import pulumi
import pulumi_kubernetes as k8s

T = TypeVar("T")
CHANGES = os.environ.get("CHANGES", "").split()


def changed(by: str, then: T, otherwise: T) -> T:
    """One of two values: the first in a run that makes this change."""
    return then if by in CHANGES else otherwise


kubeconfig = Path(os.environ["CONFORMANCE_KUBECONFIG"]).read_text()
provider = k8s.Provider("cluster", kubeconfig=kubeconfig)
opts = pulumi.ResourceOptions(provider=provider)
unwaited = {"pulumi.com/skipAwait": "true"}
app = {"app": "web"}

namespace = k8s.core.v1.Namespace(
    "ns", metadata={"name": "conformance", "labels": {"a": changed("namespace-label", "2", "1")}}, opts=opts
)
ns = namespace.metadata["name"]

auto = k8s.core.v1.ConfigMap(
    "auto", metadata={"namespace": ns}, data={"k": changed("auto-configmap-data", "2", "1")}, opts=opts
)
k8s.core.v1.ConfigMap(
    "auto-immutable",
    metadata={"namespace": ns},
    immutable=True,
    data={"k": changed("auto-immutable-configmap-data", "2", "1")},
    opts=opts,
)
k8s.core.v1.ConfigMap(
    "fixed",
    metadata={"namespace": ns, "name": "fixed"},
    data={"k": changed("fixed-configmap-data", "2", "1")},
    opts=opts,
)
k8s.core.v1.Secret(
    "secret",
    metadata={"namespace": ns},
    string_data={"pw": pulumi.Output.secret(changed("secret-data", "two", "one"))},
    opts=opts,
)

k8s.apps.v1.Deployment(
    "web",
    metadata={"namespace": ns, "name": "web", "annotations": unwaited},
    spec={
        "replicas": changed("deployment-replicas", 2, 1),
        "selector": {"match_labels": changed("deployment-selector", {**app, "x": "y"}, app)},
        "template": {
            "metadata": {"labels": {**app, "x": "y"}},
            "spec": {
                "containers": [
                    {
                        "name": "web",
                        "image": changed("deployment-image", "local/web:2", "local/web:1"),
                        "resources": {"limits": {"memory": "64Mi"}},
                    }
                ],
                "volumes": [{"name": "c", "config_map": {"name": auto.metadata["name"]}}],
            },
        },
    },
    opts=opts,
)
k8s.core.v1.Service(
    "web",
    metadata={"namespace": ns, "name": "web", "annotations": unwaited},
    spec={
        "type": "ClusterIP",
        "selector": app,
        "ports": [{"port": changed("service-port", 81, 80), "target_port": 8080}],
        "cluster_ip": changed("service-headless", "None", None),
    },
    opts=opts,
)
k8s.apps.v1.StatefulSet(
    "db",
    metadata={"namespace": ns, "name": "db", "annotations": unwaited},
    spec={
        "service_name": "db",
        "replicas": 1,
        "selector": {"match_labels": {"app": "db"}},
        "template": {
            "metadata": {"labels": {"app": "db"}},
            "spec": {"containers": [{"name": "db", "image": changed("statefulset-image", "local/db:2", "local/db:1")}]},
        },
        "volume_claim_templates": [
            {
                "metadata": {"name": "data"},
                "spec": {
                    "access_modes": ["ReadWriteOnce"],
                    "resources": {"requests": {"storage": changed("statefulset-volume-size", "2Gi", "1Gi")}},
                },
            }
        ],
    },
    opts=opts,
)
k8s.batch.v1.Job(
    "job",
    metadata={"namespace": ns, "annotations": unwaited},
    spec={
        "template": {
            "spec": {
                "restart_policy": "Never",
                "containers": [{"name": "j", "image": changed("job-image", "local/j:2", "local/j:1")}],
            }
        }
    },
    opts=opts,
)
k8s.batch.v1.CronJob(
    "cron",
    metadata={"namespace": ns, "name": "cron"},
    spec={
        "schedule": changed("cronjob-schedule", "1 * * * *", "0 * * * *"),
        "job_template": {
            "spec": {
                "template": {"spec": {"restart_policy": "Never", "containers": [{"name": "j", "image": "local/j:1"}]}}
            }
        },
    },
    opts=opts,
)
k8s.core.v1.PersistentVolumeClaim(
    "pvc",
    metadata={"namespace": ns, "name": "pvc", "annotations": unwaited},
    spec={
        "access_modes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": changed("pvc-size", "2Gi", "1Gi")}},
    },
    opts=opts,
)
k8s.networking.v1.NetworkPolicy(
    "deny",
    metadata={"namespace": ns, "name": "deny"},
    spec={"pod_selector": {}, "policy_types": changed("networkpolicy-types", ["Ingress"], ["Ingress", "Egress"])},
    opts=opts,
)
k8s.core.v1.ServiceAccount(
    "sa",
    metadata={"namespace": ns, "name": changed("serviceaccount-rename", "sa2", "sa")},
    automount_service_account_token=False,
    opts=opts,
)
k8s.rbac.v1.Role(
    "role",
    metadata={"namespace": ns, "name": "role"},
    rules=[{"api_groups": [""], "resources": ["pods"], "verbs": changed("role-verbs", ["get"], ["get", "list"])}],
    opts=opts,
)
k8s.rbac.v1.RoleBinding(
    "bind",
    metadata={"namespace": ns, "name": "bind"},
    role_ref={
        "api_group": "rbac.authorization.k8s.io",
        "kind": "Role",
        "name": changed("rolebinding-roleref", "other", "role"),
    },
    subjects=[{"kind": "ServiceAccount", "name": "sa", "namespace": ns}],
    opts=opts,
)
k8s.policy.v1.PodDisruptionBudget(
    "pdb",
    metadata={"namespace": ns, "name": "pdb"},
    spec={"min_available": changed("pdb-min", 2, 1), "selector": {"match_labels": app}},
    opts=opts,
)

schema: Any = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
definition = k8s.apiextensions.v1.CustomResourceDefinition(
    "crd",
    metadata={"name": "widgets.example.com"},
    spec={
        "group": "example.com",
        "names": {"kind": "Widget", "plural": "widgets"},
        "scope": "Namespaced",
        "versions": [{"name": "v1", "served": True, "storage": True, "schema": schema}],
    },
    opts=opts,
)
k8s.apiextensions.CustomResource(
    "widget",
    api_version="example.com/v1",
    kind="Widget",
    metadata={"namespace": ns, "name": "widget"},
    spec={"size": changed("customresource-spec", 2, 1)},
    opts=pulumi.ResourceOptions(provider=provider, depends_on=[definition]),
)

pulumi.export("auto", auto.metadata["name"])
