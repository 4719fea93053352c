"""The whole program on every real stack file, as plain data."""

import json
import re
from typing import Any

import pytest
import yaml
from collector_graph import queue_problems
from kubernetes_schema import unknown_keys
from synthesis import ROOT, SECRET, STACKS, Program, synthesise

from components.quantity import to_bytes


@pytest.fixture(scope="module", params=STACKS)
def stack(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def program(stack: str) -> Program:
    return synthesise(stack)


def environment(pod: dict[str, Any]) -> dict[str, Any]:
    """The variables of a pod's only container; None for those that Kubernetes fills in."""
    (container,) = pod["containers"]
    return {each["name"]: each.get("value") for each in container["env"]}


def containers(pod: dict[str, Any]) -> list[dict[str, Any]]:
    return [*pod["containers"], *pod.get("initContainers", [])]


def test_every_object_has_only_keys_that_kubernetes_knows(program: Program) -> None:
    objects = list(program.kubernetes())
    assert objects
    assert [finding for each in objects for finding in unknown_keys(each.type, each.inputs)] == []


def test_an_unknown_key_is_named_by_its_path() -> None:
    spec = {"template": {"spec": {"containers": [{"name": "x", "imag": "y"}]}}, "replicas": "2"}
    assert list(unknown_keys("kubernetes:apps/v1:Deployment", {"spec": spec})) == [
        "Deployment.spec.template.spec.containers[0].imag: ContainerArgs has no such key",
        "Deployment.spec.replicas: is str, not int",
    ]


def test_the_services_and_ports_that_the_guide_names_exist(program: Program) -> None:
    gateway = program.one("Service", "otel-collector").inputs
    assert {4317, 4318} <= {port["port"] for port in gateway["spec"]["ports"]}
    alias = program.one("Service", "otel-collector-from-trading").inputs
    assert alias["metadata"] == {"name": "otel-collector", "namespace": "trading"} | {
        "labels": alias["metadata"]["labels"]
    }
    assert alias["spec"]["externalName"] == "otel-collector.observability.svc.cluster.local"


def test_everything_is_in_a_namespace_of_ours_or_belongs_to_the_cluster(program: Program) -> None:
    without = {each.kind for each in program.kubernetes() if each.namespace not in ("observability", "trading")}
    assert without <= {"Namespace", "ClusterRole", "ClusterRoleBinding"}


def test_every_object_is_made_by_the_named_cluster(program: Program) -> None:
    assert {each.provider.split("::")[-2] for each in program.kubernetes()} == {"cluster"}


def test_namespaces_enforce_restricted_pods_at_a_pinned_version(program: Program) -> None:
    for namespace in program.of_kind("Namespace"):
        labels = namespace.inputs["metadata"]["labels"]
        for mode in ("enforce", "audit", "warn"):
            assert labels[f"pod-security.kubernetes.io/{mode}"] == "restricted"
            assert labels[f"pod-security.kubernetes.io/{mode}-version"].startswith("v1.")


def test_every_pod_is_hardened(program: Program) -> None:
    pods = list(program.pods())
    assert len(pods) == 5
    for workload, pod in pods:
        security = pod["securityContext"]
        assert security["runAsNonRoot"] is True
        assert security["runAsUser"] > 10000
        assert security["runAsGroup"] > 10000
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["enableServiceLinks"] is False
        for container in containers(pod):
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }, workload.name
            assert {"startupProbe", "livenessProbe", "readinessProbe"} <= container.keys()
            for kind in ("requests", "limits"):
                assert {"cpu", "memory", "ephemeral-storage"} <= container["resources"][kind].keys()
            assert container["resources"]["requests"]["memory"] == container["resources"]["limits"]["memory"]


def test_only_what_reads_the_api_gets_a_token(program: Program) -> None:
    with_token = {workload.name for workload, pod in program.pods() if pod["automountServiceAccountToken"]}
    assert with_token == {"otel-collector", "prometheus"}
    assert all(account.inputs["automountServiceAccountToken"] is False for account in program.of_kind("ServiceAccount"))
    own = [pod["serviceAccountName"] for _, pod in program.pods()]
    assert len(set(own)) == len(own)


def test_nobody_may_write_nor_read_secrets(program: Program) -> None:
    for role in program.of_kind("Role", "ClusterRole"):
        for rule in role.inputs["rules"]:
            assert set(rule["verbs"]) <= {"get", "list", "watch"}
            assert not {"secrets", "*"} & set(rule["resources"])


def test_every_image_is_pinned_by_digest(program: Program) -> None:
    for _, pod in program.pods():
        for container in containers(pod):
            name, _, digest = container["image"].partition("@sha256:")
            assert ":" in name
            assert len(digest) == 64


def test_no_secret_is_outside_a_secret(program: Program) -> None:
    holders = {each.name for each in program.resources if SECRET in json.dumps(each.inputs)}
    assert {each.name for each in program.of_kind("Secret")} == holders
    assert SECRET not in json.dumps(program.exports)


def test_queues_fit_their_volume_together(program: Program) -> None:
    gateway = program.one("StatefulSet", "otel-collector").inputs["spec"]
    volume = gateway["volumeClaimTemplates"][0]["spec"]["resources"]["requests"]["storage"]
    config = yaml.safe_load((ROOT / "config/collector/gateway.yaml").read_text())
    told = {name: str(value) for name, value in environment(gateway["template"]["spec"]).items()}
    assert queue_problems(config, told, to_bytes(volume)) == []
    files = sum(1 for name in config["extensions"] if name.startswith("file_storage"))
    assert int(told["QUEUE_FILE_BYTES"]) * files < to_bytes(volume)


def test_every_variable_that_a_configuration_expands_is_set_by_its_pod(program: Program) -> None:
    """An unset one expands to nothing, silently."""
    kept = {each.name: each.inputs["data"] for each in program.of_kind("ConfigMap")}
    given = {"HOSTNAME"}  # by Kubernetes
    checked: set[str] = set()
    for workload, pod in program.pods():
        used: set[str] = set()
        for text in kept[f"{workload.name}-config"].values():
            lines = [line for line in text.splitlines() if not line.lstrip().startswith(("#", ";"))]
            used |= set(re.findall(r"(?<!\$)\$\{(?:env:)?([A-Z_]+)\}", "\n".join(lines)))
        assert used - environment(pod).keys() - given == set(), workload.name
        checked |= {workload.name} if used else set()
    assert checked == {"otel-collector", "prometheus", "loki", "jaeger", "grafana"}


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://grafana.example.com/metrics", {"GF_SERVER_DOMAIN": "grafana.example.com"}),
        (
            "http://localhost:3000",
            {
                "GF_SERVER_DOMAIN": "localhost",
                "GF_SECURITY_COOKIE_SECURE": "false",
                "GF_AUTH_LOGIN_COOKIE_NAME": "grafana_session",
            },
        ),
    ],
)
def test_grafanas_cookies_fit_its_url(url: str, expected: dict[str, str]) -> None:
    """`__Host-` and secure cookies are in grafana.ini; over plain http no browser would take them."""
    (pod,) = [
        pod
        for each, pod in synthesise("dev", {"atlas:grafana": json.dumps({"url": url})}).pods()
        if each.name == "grafana"
    ]
    told = environment(pod)
    names = ("GF_SERVER_DOMAIN", "GF_SECURITY_COOKIE_SECURE", "GF_AUTH_LOGIN_COOKIE_NAME")
    assert {name: told[name] for name in names if name in told} == expected


def test_two_replicas_have_a_disruption_budget_and_are_spread(program: Program) -> None:
    budgets = {each.name for each in program.of_kind("PodDisruptionBudget")}
    replicated = {each.name for each, _ in program.pods() if each.inputs["spec"]["replicas"] > 1}
    assert budgets == replicated
    assert {each.name for each, pod in program.pods() if "topologySpreadConstraints" in pod} == replicated


def test_deployed_limits_are_series(program: Program) -> None:
    rules = program.one("ConfigMap", "prometheus-limits").inputs["data"]["limits.yaml"]
    assert "record: atlas:limit:daily_max_loss\n    expr: vector(1000)" in rules


def test_each_rule_and_dashboard_file_is_deployed(program: Program) -> None:
    rules = program.one("ConfigMap", "prometheus-rules").inputs["data"]
    assert rules == {path.name: path.read_text() for path in (ROOT / "rules").glob("*.yaml")}
    dashboards = {
        each.name for each in program.of_kind("ConfigMap") if "grafana_dashboard" in each.inputs["metadata"]["labels"]
    }
    expected = {
        f"dashboard-{path.stem}" for path in (ROOT / "dashboards").glob("*.*") if path.suffix in (".py", ".json")
    }
    assert dashboards == {name for name in expected if not name.startswith("dashboard-_")}


def test_what_is_read_once_is_immutable_and_what_reloads_is_not(program: Program) -> None:
    for each in program.of_kind("ConfigMap", "Secret"):
        auto_named = "name" not in each.inputs["metadata"]
        assert each.inputs.get("immutable", False) is auto_named, each.name
    assert program.one("kubernetes", "cluster").inputs["enableConfigMapMutable"] == "true"


def test_given_secrets_replace_generated_ones() -> None:
    given = synthesise("local", secrets={"atlas:grafanaAdminPassword": "x" * 20})
    assert [each.name for each in given.of_kind("RandomPassword")] == ["grafana-secret-key"]


def test_rotation_changes_every_generated_secret_and_nothing_else() -> None:
    def inputs(program: Program) -> dict[tuple[str, str], Any]:
        return {(each.kind, each.name): each.inputs for each in program.resources}

    before, after = inputs(synthesise("local")), inputs(synthesise("local", {"atlas:rotation": "2"}))
    assert before.keys() == after.keys()
    changed = {key for key in before if before[key] != after[key]}
    assert changed == {("RandomPassword", "grafana-admin-password"), ("RandomPassword", "grafana-secret-key")}


def test_waiting_for_pods_is_off_only_where_none_can_run() -> None:
    def skipped(program: Program) -> set[str]:
        return {
            each.kind
            for each in program.kubernetes()
            if "pulumi.com/skipAwait" in each.inputs["metadata"].get("annotations", {})
        }

    assert skipped(synthesise("local")) == {"Deployment", "StatefulSet", "Service"}
    assert skipped(synthesise("prod")) == set()


def test_environments_differ_in_values_and_never_in_what_exists() -> None:
    def names(stack: str) -> set[tuple[str, str]]:
        return {(each.kind, each.name) for each in synthesise(stack).resources if each.kind != "PodDisruptionBudget"}

    assert names("local") == names("dev") == names("prod")
