"""A real API server admits every object of every stack, with warnings as errors; Kubernetes' own policy module passes every pod."""

import copy
import os
import subprocess
from collections.abc import Iterator

import pytest

from components.namespaces import POD_SECURITY_VERSION
from tests.support.embedded_cluster import EmbeddedCluster
from tests.support.kubernetes_objects import Manifest, listed
from tests.support.operator_crds import install_operator_crds
from tests.support.repository import tool_path
from tests.support.synthesis import synthesise
from tests.support.variants import VARIANTS


@pytest.fixture(scope="module", params=VARIANTS)
def manifests(request: pytest.FixtureRequest) -> list[Manifest]:
    return list(synthesise(*VARIANTS[request.param]).manifests())


@pytest.fixture(scope="module")
def operated(cluster: EmbeddedCluster) -> Iterator[EmbeddedCluster]:
    """The cluster with the kinds of the operator."""
    install_operator_crds(cluster)
    yield cluster
    cluster.clean()


@pytest.fixture(scope="module")
def admitting(operated: EmbeddedCluster, manifests: list[Manifest]) -> Iterator[EmbeddedCluster]:
    """That cluster with the stack's namespaces, which judge what is to come into them."""
    namespaces = [each for each in manifests if each["kind"] == "Namespace"]
    operated.kubectl("apply", "--server-side", "--filename", "-", stdin=listed(namespaces))
    yield operated
    operated.kubectl("delete", "--timeout=120s", "--filename", "-", stdin=listed(namespaces))


def refused(cluster: EmbeddedCluster, manifests: list[Manifest]) -> str:
    """What the API server objects to or warns of; nothing is stored."""
    answer = cluster.kubectl(
        *("apply", "--server-side", "--dry-run=server", "--warnings-as-errors", "--validate=strict", "--filename", "-"),
        check=False,
        stdin=listed(manifests),
    )
    return answer.stderr if answer.returncode else ""


def violations(manifests: list[Manifest]) -> str:
    """What Kubernetes' policy module finds in the pod templates at the enforced level."""
    with_pods = [each for each in manifests if {"template", "jobTemplate"} & each.get("spec", {}).keys()]
    answer = subprocess.run(
        ["podsecurity", "--level", "restricted", "--version", POD_SECURITY_VERSION],
        input=listed(with_pods),
        env={**os.environ, "PATH": tool_path()},
        capture_output=True,
        text=True,
        check=False,
    )
    return answer.stdout + answer.stderr


def is_node_agent(manifest: Manifest) -> bool:
    """The one workload that reads the node, in a namespace of its own that admits it."""
    return (manifest["kind"], manifest["metadata"]["name"]) == ("DaemonSet", "node-agent")


def test_the_api_server_admits_every_object_without_a_warning(
    admitting: EmbeddedCluster, manifests: list[Manifest]
) -> None:
    assert refused(admitting, [each for each in manifests if not is_node_agent(each)]) == ""


def test_every_pod_template_passes_the_policy_module(manifests: list[Manifest]) -> None:
    assert violations([each for each in manifests if not is_node_agent(each)]) == ""


def test_the_node_agent_takes_the_nodes_files_and_the_user_that_may_read_them_and_nothing_more(
    admitting: EmbeddedCluster, manifests: list[Manifest]
) -> None:
    agent = [each for each in manifests if is_node_agent(each)]
    found = {line.partition("node-agents/node-agent: ")[2].partition(":")[0] for line in violations(agent).splitlines()}
    assert found == {"restricted volume types", "runAsNonRoot != true", "runAsUser=0"}
    warned = refused(admitting, agent)
    assert "would violate PodSecurity" in warned
    assert "error" not in warned.lower().replace("warnings were treated as errors", "").replace("error: 1 warning", "")


def test_an_object_of_the_operator_with_a_key_that_it_does_not_have_is_seen(
    admitting: EmbeddedCluster, manifests: list[Manifest]
) -> None:
    rules = [copy.deepcopy(each) for each in manifests if each["kind"] == "PrometheusRule"]
    for rule in rules:
        rule["spec"]["groups"][0]["rule"] = []
        assert "rule" in refused(admitting, [rule])
    assert bool(rules) is ("prometheus" not in {each["metadata"]["name"] for each in manifests})


def test_a_pod_that_breaks_the_standard_and_a_key_that_does_not_exist_are_seen(
    admitting: EmbeddedCluster, manifests: list[Manifest]
) -> None:
    """Enforcement alone lets a Deployment pass with a warning: it judges pods."""
    mutated = copy.deepcopy(next(each for each in manifests if each["kind"] == "Deployment"))
    mutated["spec"]["template"]["spec"]["containers"][0]["securityContext"]["allowPrivilegeEscalation"] = True
    assert "allowPrivilegeEscalation" in refused(admitting, [mutated])
    assert "allowPrivilegeEscalation" in violations([mutated])
    misspelt = copy.deepcopy(next(each for each in manifests if each["kind"] == "StatefulSet"))
    misspelt["spec"]["replica"] = 3
    assert "replica" in refused(admitting, [misspelt])
