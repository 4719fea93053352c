"""What a workload may ask the Kubernetes API: read, never write, never Secrets."""

from collections.abc import Sequence

from pulumi import Input, ResourceOptions
from pulumi_kubernetes.rbac.v1 import (
    ClusterRole,
    ClusterRoleBinding,
    PolicyRuleArgsDict,
    Role,
    RoleBinding,
    SubjectArgsDict,
)

_API_GROUP = "rbac.authorization.k8s.io"


def may_read(groups: Sequence[tuple[str, Sequence[str]]]) -> list[PolicyRuleArgsDict]:
    """The rules for getting, listing and watching resources, given as (API group, resources)."""
    return [
        {"api_groups": [group], "resources": list(resources), "verbs": ["get", "list", "watch"]}
        for group, resources in groups
    ]


def grant_in_namespace(
    name: str,
    rules: list[PolicyRuleArgsDict],
    namespace: Input[str],
    subject: SubjectArgsDict,
    opts: ResourceOptions,
    *,
    resource_name: str,
) -> None:
    """Bind ``rules`` in one namespace; both objects are named ``name`` there, and ``resource_name`` in Pulumi."""
    role = Role(resource_name, metadata={"name": name, "namespace": namespace}, rules=rules, opts=opts)
    RoleBinding(
        resource_name,
        metadata={"name": name, "namespace": namespace},
        role_ref={"api_group": _API_GROUP, "kind": "Role", "name": role.metadata["name"].apply(str)},
        subjects=[subject],
        opts=opts,
    )


def grant_in_cluster(
    name: str, rules: list[PolicyRuleArgsDict], subject: SubjectArgsDict, opts: ResourceOptions
) -> None:
    """Bind ``rules`` in the whole cluster, for what has no namespace or is in many."""
    role = ClusterRole(name, metadata={"name": name}, rules=rules, opts=opts)
    ClusterRoleBinding(
        name,
        metadata={"name": name},
        role_ref={"api_group": _API_GROUP, "kind": "ClusterRole", "name": role.metadata["name"].apply(str)},
        subjects=[subject],
        opts=opts,
    )
