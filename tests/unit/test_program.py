"""The whole program on every real stack file, as plain data."""

import base64
import json
import re
from typing import Any

import pytest
import yaml

from components.inventory import RULE_FILE_WORKLOADS
from components.platform_services import SERVICES
from image_build.collector import COLLECTOR
from settings.units import to_bytes, to_millicores
from tests.support.collector_graph import queue_problems
from tests.support.synthesis import ENVIRONMENTS, ROOT, SECRET, STACKS, Program, stack_configuration, synthesise
from tests.unit.kubernetes_schema import unknown_keys

OWN_IMAGES = {*SERVICES, COLLECTOR, "node-agent"}
"""Workloads whose image is built here."""


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


# Every other pod runs as 10001; the component says why these do not.
OTHER_USERS = {"node-agent": 0, "db": 70}


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
    ours = ("observability", "trading", "node-agents")
    without = {each.kind for each in program.kubernetes() if each.namespace not in ours}
    assert without <= {"Namespace", "ClusterRole", "ClusterRoleBinding"}


def test_every_object_is_made_by_the_named_cluster(program: Program) -> None:
    assert {each.provider.split("::")[-2] for each in program.kubernetes()} == {"cluster"}


def test_namespaces_enforce_restricted_pods_at_a_pinned_version(program: Program) -> None:
    enforced: dict[str, str] = {}
    for namespace in program.of_kind("Namespace"):
        labels = namespace.inputs["metadata"]["labels"]
        enforced[namespace.inputs["metadata"]["name"]] = labels["pod-security.kubernetes.io/enforce"]
        for mode in ("audit", "warn"):
            assert labels[f"pod-security.kubernetes.io/{mode}"] == "restricted"
        for mode in ("enforce", "audit", "warn"):
            assert labels[f"pod-security.kubernetes.io/{mode}-version"].startswith("v1.")
    assert enforced == {"observability": "restricted", "trading": "restricted", "node-agents": "privileged"}
    assert {each.name for each, _ in program.pods() if each.namespace == "node-agents"} == {"node-agent"}


def test_every_pod_is_hardened(program: Program) -> None:
    pods = [*program.pods(), *program.job_pods()]
    assert len(pods) >= 15
    for workload, pod in pods:
        security = pod["securityContext"]
        user = OTHER_USERS.get(workload.name, 10001)
        assert security["runAsNonRoot"] is (user != 0), workload.name
        assert (security["runAsUser"], security["runAsGroup"]) == (user, user), workload.name
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["enableServiceLinks"] is False
        for container in containers(pod):
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }, workload.name
            if workload.kind != "CronJob" and container in pod["containers"]:
                assert {"startupProbe", "livenessProbe", "readinessProbe"} <= container.keys()
            for kind in ("requests", "limits"):
                assert {"cpu", "memory", "ephemeral-storage"} <= container["resources"][kind].keys()
            assert container["resources"]["requests"]["memory"] == container["resources"]["limits"]["memory"]


def test_a_workload_its_container_and_its_service_have_one_name(program: Program) -> None:
    """Alerts on containers and workloads say by that name whose they are."""
    services = {service.inputs["metadata"]["name"] for service in program.of_kind("Service")}
    for workload, pod in program.pods():
        name = workload.inputs["metadata"]["name"]
        assert [each["name"] for each in pod["containers"]] == [name]
        assert workload.inputs["spec"]["template"]["metadata"]["labels"]["app.kubernetes.io/name"] == name
        assert name in services


def test_a_pod_whose_first_words_count_is_known_before_it_speaks(program: Program) -> None:
    """The kubelet tells a pod's address before it starts what comes after an init container; the gateway tells senders by it."""
    first = {workload.name: pod["initContainers"] for workload, pod in program.pods() if "initContainers" in pod}
    jobs = [pod["initContainers"][0] for _, pod in program.job_pods()]
    (agent,) = first["node-agent"]
    assert first.keys() == {"node-agent"}
    assert agent["args"] == ["validate", "--config=/etc/node-agent/config/agent.yaml"]
    for job in jobs:
        assert [each["name"] for each in job["env"]] == ["MY_POD_IP"], "another image sees nothing of the job's"
        assert "volumeMounts" not in job


def test_the_gateway_may_look_where_senders_are_and_nowhere_else(program: Program) -> None:
    """By its variables, its Roles and the label that an agent's pods have."""
    pods = {workload.name: (workload, pod) for workload, pod in program.pods()}
    env = environment(pods["otel-collector"][1])
    roles = [each.inputs["metadata"] for each in program.of_kind("Role") if each.name.startswith("otel-collector-")]
    agents, _ = pods["node-agent"]
    assert {each["namespace"] for each in roles} == {env["TRADING_NAMESPACE"], env["AGENTS_NAMESPACE"]}
    assert agents.namespace == env["AGENTS_NAMESPACE"]
    text = program.one("ConfigMap", "otel-collector-config").inputs["data"]["gateway.yaml"]
    (selector,) = yaml.safe_load(text)["processors"]["k8s_attributes/agents"]["filter"]["labels"]
    assert agents.inputs["spec"]["template"]["metadata"]["labels"][selector["key"]] == selector["value"]


def test_without_agents_the_gateway_looks_for_them_where_none_can_be() -> None:
    program = synthesise("local", {"atlas:agent": json.dumps({"enabled": False})})
    (pod,) = [pod for workload, pod in program.pods() if workload.name == "otel-collector"]
    assert environment(pod)["AGENTS_NAMESPACE"] == program.one("StatefulSet", "otel-collector").namespace
    assert program.one("Role", "otel-collector-agents").namespace == environment(pod)["AGENTS_NAMESPACE"]


def test_only_what_reads_the_api_gets_a_token(program: Program) -> None:
    with_token = {workload.name for workload, pod in program.pods() if pod["automountServiceAccountToken"]}
    assert with_token == {"otel-collector", "prometheus", "kube-state-metrics", "node-agent"}
    assert all(account.inputs["automountServiceAccountToken"] is False for account in program.of_kind("ServiceAccount"))
    own = [pod["serviceAccountName"] for _, pod in program.pods()]
    assert len(set(own)) == len(own)


def test_nobody_may_write_nor_read_secrets(program: Program) -> None:
    for role in program.of_kind("Role", "ClusterRole"):
        for rule in role.inputs["rules"]:
            assert set(rule["verbs"]) <= {"get", "list", "watch"}
            assert not {"secrets", "*"} & set(rule["resources"])


def test_every_image_is_pinned_by_digest_but_for_those_built_where_they_run(program: Program, stack: str) -> None:
    for workload, pod in [*program.pods(), *program.job_pods()]:
        for container in containers(pod):
            name, _, digest = container["image"].partition("@sha256:")
            assert ":" in name
            assert len(digest) == 64 or (workload.name in OWN_IMAGES and stack != "prod"), workload.name


def test_a_mirror_takes_the_place_of_every_registry_and_is_asked_with_credentials() -> None:
    config = json.dumps({"auths": {"mirror.example.com": {"auth": base64.b64encode(b"someone:something").decode()}}})
    program = synthesise("local", {"atlas:registry": "mirror.example.com/all"}, {"atlas:registryDockerConfig": config})
    for workload, pod in program.pods():
        if workload.name not in OWN_IMAGES:
            assert pod["containers"][0]["image"].startswith("mirror.example.com/all/"), workload.name
        (secret,) = pod["imagePullSecrets"]
        role = {"node-agents": "agents"}.get(str(workload.namespace), workload.namespace)
        assert secret["name"].startswith(f"{role}-registry-")
    (quay,) = [pod for each, pod in program.pods() if each.name == "postgres-exporter"]
    assert quay["containers"][0]["image"].startswith("mirror.example.com/all/prometheuscommunity/postgres-exporter:")
    assert all("imagePullSecrets" not in pod for _, pod in synthesise("local").pods())


def test_no_secret_is_outside_a_secret(program: Program) -> None:
    holders = {each.name for each in program.resources if SECRET in json.dumps(each.inputs)}
    assert {each.name for each in program.of_kind("Secret")} == holders
    # What people type in: the engine shows it to who may decrypt the stack's secrets.
    shown = {name for name, value in program.exports.items() if SECRET in json.dumps(value)}
    assert shown <= {"apiToken", "opsUiPassword"}


def test_queues_fit_their_volume_together(program: Program) -> None:
    gateway = program.one("StatefulSet", "otel-collector").inputs["spec"]
    text = program.one("ConfigMap", "otel-collector-config").inputs["data"]["gateway.yaml"]
    volume = gateway["volumeClaimTemplates"][0]["spec"]["resources"]["requests"]["storage"]
    config = yaml.safe_load(text)
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
        for text in kept.get(f"{workload.name}-config", {}).values():
            lines = [line for line in text.splitlines() if not line.lstrip().startswith(("#", ";"))]
            used |= set(re.findall(r"(?<!\$)\$\{(?:env:)?([A-Z_]+)\}", "\n".join(lines)))
        assert used - environment(pod).keys() - given == set(), workload.name
        checked |= {workload.name} if used else set()
    assert checked >= {"otel-collector", "node-agent", "prometheus", "loki", "grafana"}


@pytest.mark.parametrize(
    ("stack", "url", "expected"),
    [
        ("dev", "https://grafana.example.com", {"GF_SERVER_DOMAIN": "grafana.example.com"}),
        (
            "local",
            "http://localhost:3000",
            {
                "GF_SERVER_DOMAIN": "localhost",
                "GF_SECURITY_COOKIE_SECURE": "false",
                "GF_AUTH_LOGIN_COOKIE_NAME": "grafana_session",
            },
        ),
    ],
)
def test_grafanas_cookies_fit_its_url(stack: str, url: str, expected: dict[str, str]) -> None:
    """``__Host-`` and secure cookies are in grafana.ini; over plain http no browser would take them."""
    (pod,) = [
        pod
        for each, pod in synthesise(stack, {"atlas:grafana": json.dumps({"url": url})}).pods()
        if each.name == "grafana"
    ]
    told = environment(pod)
    names = ("GF_SERVER_DOMAIN", "GF_SECURITY_COOKIE_SECURE", "GF_AUTH_LOGIN_COOKIE_NAME")
    assert {name: told[name] for name in names if name in told} == expected


def test_two_replicas_have_a_disruption_budget_and_are_spread(program: Program) -> None:
    budgets = {each.name for each in program.of_kind("PodDisruptionBudget")}
    replicated = {each.name for each, _ in program.pods() if each.inputs["spec"].get("replicas", 1) > 1}
    assert budgets == replicated
    assert {each.name for each, pod in program.pods() if "topologySpreadConstraints" in pod} == replicated


def generated_rules(program: Program, group: str) -> list[dict[str, Any]]:
    text = program.one("ConfigMap", "prometheus-deployed").inputs["data"]["deployed.yaml"]
    (rules,) = [each["rules"] for each in yaml.safe_load(text)["groups"] if each["name"] == group]
    return rules


def test_deployed_limits_are_series_and_what_the_workers_are_told(program: Program) -> None:
    recorded = {
        rule["record"].removeprefix("atlas:limit:"): rule["expr"] for rule in generated_rules(program, "atlas_limits")
    }
    (workers,) = [pod for each, pod in program.pods() if each.name == "workers"]
    told = environment(workers)
    for name in ("daily_max_loss", "max_open_orders", "max_order_notional", "max_orders_per_minute"):
        assert recorded.pop(name) == f"vector({told[name.upper()]})"
    assert recorded == {"max_exposure": "vector(10000)"}  # watched, not enforced


def test_a_limit_is_deployed_with_all_its_digits() -> None:
    program = synthesise("local", {"atlas:limits": json.dumps({"dailyMaxLoss": 1234567.89})})
    rules = program.one("ConfigMap", "prometheus-deployed").inputs["data"]["deployed.yaml"]
    assert "vector(1234567.89)" in rules
    assert "vector(10000)" in rules
    (workers,) = [pod for each, pod in program.pods() if each.name == "workers"]
    assert environment(workers)["DAILY_MAX_LOSS"] == "1234567.89"


def test_whatever_has_a_metrics_port_is_expected_and_nothing_else(program: Program) -> None:
    """The alert on absent components compares with what the program itself deploys."""
    expected = generated_rules(program, "atlas_expected")
    scraped = {
        each.name
        for each in program.of_kind("Service")
        if {port["name"] for port in each.inputs["spec"].get("ports", [])} & {"metrics", "http-metrics"}
    }
    assert {rule["labels"]["service"] for rule in expected} == scraped


def test_each_rule_and_dashboard_file_is_deployed(program: Program) -> None:
    rules = program.one("ConfigMap", "prometheus-rules").inputs["data"]
    workloads = {each.name for each, _ in program.pods()}
    files = {path.name: path.read_text() for path in (ROOT / "rules").glob("*.yaml")}
    absent = {file for file, subject in RULE_FILE_WORKLOADS.items() if subject not in workloads}
    assert rules == {name: text for name, text in files.items() if name not in absent}
    assert "victorialogs.yaml" in absent
    assert len(absent) <= 2
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
    names = {each.name for each in synthesise("local").of_kind("RandomPassword")}
    assert names - {each.name for each in given.of_kind("RandomPassword")} == {"grafana-admin-password"}


def test_rotation_changes_every_generated_secret_and_nothing_else() -> None:
    def inputs(program: Program) -> dict[tuple[str, str], Any]:
        return {(each.kind, each.name): each.inputs for each in program.resources}

    before, after = inputs(synthesise("local")), inputs(synthesise("local", {"atlas:rotation": "2"}))
    assert before.keys() == after.keys()
    changed = {key for key in before if before[key] != after[key]}
    assert changed == {key for key in before if key[0] == "RandomPassword"}
    assert len(changed) == 8


def skipped(program: Program) -> set[tuple[str, str]]:
    """Kind and name of what an update does not wait for."""
    return {
        (each.kind, each.name)
        for each in program.kubernetes()
        if "pulumi.com/skipAwait" in each.inputs["metadata"].get("annotations", {})
    }


def test_waiting_for_pods_is_off_only_where_none_can_run() -> None:
    assert {kind for kind, _ in skipped(synthesise("local"))} == {"DaemonSet", "Deployment", "StatefulSet", "Service"}
    run = {"name": "january", "strategy": "s", "data": "d.csv", "start": "2026-01-01", "end": "2026-02-01"}
    platform = json.loads(stack_configuration("prod")["atlas:platform"]) | {"backtests": [run]}
    prod = synthesise("prod", {"atlas:platform": json.dumps(platform)})
    ingresses = {(each.kind, each.name) for each in prod.kubernetes() if each.kind == "Ingress"}
    assert skipped(prod) == {("Job", "backtest-january"), *ingresses}


def test_a_workload_scaled_to_zero_is_declared_without_pods_and_nothing_waits_for_it_or_watches_it() -> None:
    paused = synthesise("local", {"atlas:scaledToZero": json.dumps(["grafana", "jaeger", "api", "backtester"])})
    plain = synthesise("local")

    assert {(each.kind, each.name) for each in paused.kubernetes()} == {(e.kind, e.name) for e in plain.kubernetes()}
    counts = {
        each.name: each.inputs["spec"]["replicas"]
        for kind in ("Deployment", "StatefulSet")
        for each in paused.of_kind(kind)
    }
    assert {name for name, count in counts.items() if count == 0} == {"grafana", "jaeger", "api"}
    probed = {
        each.name
        for each in paused.of_kind("Service")
        if "atlas/probe-path" in each.inputs["metadata"].get("annotations", {})
    }
    assert probed == {name for name, entry in SERVICES.items() if entry.port} - {"api"}
    (cron,) = paused.of_kind("CronJob")
    assert cron.inputs["spec"]["suspend"] is True
    awaited = synthesise("local", {"atlas:scaledToZero": '["grafana"]', "atlas:cluster": _waiting("local")})
    assert skipped(awaited) == set(), "what has no pods is ready at once"
    rules = {each.name: each.inputs["data"] for each in paused.of_kind("ConfigMap")}
    assert "jaeger.yaml" not in rules["prometheus-rules"]
    assert "jaeger" not in rules["prometheus-deployed"]["deployed.yaml"]
    assert "loki" in rules["prometheus-deployed"]["deployed.yaml"]


def _waiting(stack: str) -> str:
    cluster = json.loads(stack_configuration(stack)["atlas:cluster"])
    return json.dumps({key: value for key, value in cluster.items() if key != "waitForReady"})


WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet", "CronJob")
ABSENT_IN_PROD = {"jaeger", "db", "cache", "rabbitmq"}
"""Production has a store of traces and data services of its own."""


def test_environments_differ_in_a_declared_list_and_else_in_values_alone() -> None:
    def workloads(stack: str) -> set[tuple[str, str]]:
        return {(each.kind, each.name) for each in synthesise(stack).of_kind(*WORKLOADS)}

    local, dev, prod = (workloads(stack) for stack in ENVIRONMENTS)
    assert local == dev
    assert prod <= dev
    assert {name for _, name in dev - prod} == ABSENT_IN_PROD
    doors = {
        stack: {each.name for each in synthesise(stack).kubernetes() if each.kind == "Ingress"}
        for stack in ENVIRONMENTS
    }
    assert doors == {"local": set(), "dev": {"grafana", "ops-ui", "api"}, "prod": {"grafana", "ops-ui", "api"}}


def test_the_local_stack_fits_two_cores_with_a_backtest_and_any_roll_out() -> None:
    program = synthesise("local")
    asked = {
        each.name: sum(to_millicores(part["resources"]["requests"]["cpu"]) for part in pod["containers"])
        for each, pod in [*program.pods(), *program.job_pods()]
    }
    # A Deployment starts the new pod beside the old one. DNS and the node itself ask for less than 100.
    rolled_out = max(asked[each.name] for each in program.of_kind("Deployment"))
    assert sum(asked.values()) + rolled_out + 100 <= 2000


def test_production_has_more_than_one_of_what_people_wait_for() -> None:
    replicas = {each.name: each.inputs["spec"].get("replicas") for each, _ in synthesise("prod").pods()}
    least = {"otel-collector": 3, "prometheus": 2, "alertmanager": 3, "loki": 3, "api": 2}
    assert {name: replicas[name] for name in least if replicas[name] < least[name]} == {}
    assert not list(synthesise("prod").of_kind("HorizontalPodAutoscaler")), "scaling down would strand a queue"


def test_a_stateful_set_that_was_named_by_its_peers_keeps_its_name() -> None:
    """Alertmanager's peers are called by number: there are as many as replicas."""
    for stack, count in (("local", 0), ("prod", 3)):
        (pod,) = [pod for each, pod in synthesise(stack).pods() if each.name == "alertmanager"]
        peers = [arg for arg in pod["containers"][0]["args"] if arg.startswith("--cluster.peer=")]
        assert peers == [
            f"--cluster.peer=alertmanager-{n}.alertmanager-peers.observability.svc:9094" for n in range(count)
        ]


def test_loki_shares_an_object_store_where_it_has_replicas() -> None:
    told = {
        stack: environment(next(pod for each, pod in synthesise(stack).pods() if each.name == "loki"))
        for stack in STACKS
    }
    assert (told["local"]["LOKI_STORE"], told["local"]["LOKI_RING"], told["local"]["LOKI_REPLICATION"]) == (
        "filesystem",
        "inmemory",
        "1",
    )
    assert (told["prod"]["LOKI_STORE"], told["prod"]["LOKI_RING"], told["prod"]["LOKI_REPLICATION"]) == (
        "s3",
        "memberlist",
        "3",
    )
    assert told["prod"]["LOKI_S3_BUCKET"] == "atlas-prod-logs"


def test_existing_namespaces_are_used_and_not_made() -> None:
    names = {"create": False, "observability": "telemetry", "trading": "platform", "agents": "nodes"}
    program = synthesise("dev", {"atlas:namespaces": json.dumps(names)})
    assert program.of_kind("Namespace") == []
    assert {each.namespace for each in program.kubernetes()} - {None} == {"telemetry", "platform", "nodes"}
    text = program.one("ConfigMap", "prometheus-config").inputs["data"]["prometheus.yaml"]
    jobs = {job["job_name"]: job["kubernetes_sd_configs"][0] for job in yaml.safe_load(text)["scrape_configs"]}
    assert jobs["services"]["namespaces"]["names"] == ["telemetry", "platform", "nodes"]
    assert jobs["probes"]["namespaces"]["names"] == ["telemetry", "platform"]
    alias = program.one("Service", "otel-collector-from-trading").inputs
    assert alias["spec"]["externalName"] == "otel-collector.telemetry.svc.cluster.local"
    peers = json.dumps([each.inputs for each in program.of_kind("NetworkPolicy")])
    assert '"observability"' not in peers


def test_a_platform_that_runs_elsewhere_leaves_nothing_of_itself() -> None:
    program = synthesise("dev", {"atlas:platform": json.dumps({"enabled": False})})
    assert {each.name for each, _ in program.pods()} & {*SERVICES, "db", "cache", "rabbitmq", "redis-exporter"} == set()
    assert {each.kind for each in program.kubernetes() if each.namespace == "trading"} == {
        "NetworkPolicy",
        "Role",
        "RoleBinding",
        "Service",
    }


def test_another_trace_store_takes_the_place_of_jaeger() -> None:
    program = synthesise("dev", {"atlas:traces": json.dumps({"endpoint": "https://traces.example.com"})})
    assert "jaeger" not in {each.name for each, _ in program.pods()}
    (gateway,) = [pod for each, pod in program.pods() if each.name == "otel-collector"]
    assert environment(gateway)["TRACES_ENDPOINT"] == "https://traces.example.com"
    config = yaml.safe_load(program.one("ConfigMap", "otel-collector-config").inputs["data"]["gateway.yaml"])
    assert config["exporters"]["otlp_http/traces"]["tls"] == {"insecure_skip_verify": False, "min_version": "1.2"}


def test_both_replicas_of_prometheus_get_what_comes_by_otlp() -> None:
    def gateway(stack: str) -> tuple[dict[str, Any], dict[str, Any]]:
        program = synthesise(stack)
        (pod,) = [pod for each, pod in program.pods() if each.name == "otel-collector"]
        text = program.one("ConfigMap", "otel-collector-config").inputs["data"]["gateway.yaml"]
        return environment(pod), yaml.safe_load(text)["service"]["pipelines"]

    told, pipelines = gateway("prod")
    urls = [f"http://prometheus-{number}.prometheus.observability.svc:9090/api/v1/otlp" for number in range(2)]
    assert [told["METRICS_ENDPOINT"], told["METRICS_REPLICA_ENDPOINT"]] == urls
    for name in ("metrics", "metrics/spans"):
        assert pipelines[name]["exporters"] == ["otlp_http/metrics", "otlp_http/metrics_replica"]
    told, pipelines = gateway("dev")
    assert "METRICS_REPLICA_ENDPOINT" not in told
    assert pipelines["metrics"]["exporters"] == ["otlp_http/metrics"]


def test_a_broker_outside_is_scraped_within_the_same_limits() -> None:
    def jobs(stack: str) -> dict[str, dict[str, Any]]:
        text = synthesise(stack).one("ConfigMap", "prometheus-config").inputs["data"]["prometheus.yaml"]
        return {job["job_name"]: job for job in yaml.safe_load(text)["scrape_configs"]}

    broker, services = jobs("prod")["rabbitmq"], jobs("prod")["services"]
    assert broker["static_configs"] == [
        {"targets": ["bus.example.com:15692"], "labels": {"service": "rabbitmq", "environment": "prod"}}
    ]
    assert {key: broker[key] for key in services if key.endswith("_limit")}.items() <= services.items()
    assert "rabbitmq" not in jobs("dev"), "it is discovered there"


def test_the_exchanges_key_is_a_file_of_the_services_that_trade_and_of_no_other() -> None:
    key = "-----BEGIN " + "PRIVATE KEY-----\nAAAA\n-----END " + "PRIVATE KEY-----"
    program = synthesise("local", secrets={"atlas:coinbaseApiSecret": key, "atlas:coinbaseApiKey": "k" * 20})
    with_file = {each.name for each, pod in program.pods() if "COINBASE_API_SECRET_FILE" in environment(pod)}
    assert with_file == {"api", "workers"}
    for each, pod in program.pods():
        if each.name in with_file:
            assert environment(pod)["COINBASE_API_SECRET_FILE"] == "/etc/trading/secrets/coinbaseApiSecret"  # noqa: S105
            (volume,) = [volume for volume in pod["volumes"] if volume["name"] == "secrets"]
            assert volume["secret"]["items"] == [{"key": "coinbaseApiSecret", "path": "coinbaseApiSecret"}]
    without = {variable for _, pod in synthesise("local").pods() for variable in environment(pod)}
    assert not {"COINBASE_API_SECRET_FILE", "COINBASE_API_KEY"} & without, "what is not given is not asked for"


def test_a_backtest_is_a_job_and_the_scheduled_one_a_cron_job() -> None:
    run = {
        "name": "january",
        "strategy": "simple_strategy",
        "data": "data.csv",
        "start": "2025-01-01",
        "end": "2025-02-01",
    }
    trading = json.loads(stack_configuration("local")["atlas:platform"]) | {"backtests": [run]}
    program = synthesise("local", {"atlas:platform": json.dumps(trading)})
    spec = program.one("Job", "backtest-january").inputs["spec"]
    (container,) = spec["template"]["spec"]["containers"]
    assert container["args"] == ["simple_strategy", "data.csv", "2025-01-01", "2025-02-01"]
    assert "ttlSecondsAfterFinished" not in spec, "an update that found it gone would run it again"
    assert program.one("CronJob", "backtester").inputs["spec"]["schedule"] == "0 3 * * *"
    assert spec["template"]["spec"]["securityContext"]["runAsNonRoot"] is True


def test_remote_write_is_configured_where_it_is_set() -> None:
    text = synthesise("prod").one("ConfigMap", "prometheus-config").inputs["data"]["prometheus.yaml"]
    assert yaml.safe_load(text)["remote_write"] == [{"url": "https://metrics.example.com/api/v1/push"}]
    token = synthesise("prod", secrets={"atlas:remoteWriteToken": "t" * 20})
    text = token.one("ConfigMap", "prometheus-config").inputs["data"]["prometheus.yaml"]
    (store,) = yaml.safe_load(text)["remote_write"]
    assert store["authorization"] == {"credentials_file": "/etc/prometheus/secrets/remote-write-token"}
    plain = synthesise("dev").one("ConfigMap", "prometheus-config").inputs["data"]["prometheus.yaml"]
    assert plain == (ROOT / "config/prometheus/prometheus.yaml").read_text(), "shipped as it was checked"


def test_alerts_link_to_their_runbooks_where_people_read_them() -> None:
    base = "https://git.example.com/atlas/blob/main"
    program = synthesise("local", {"atlas:prometheus": json.dumps({"runbooks": base})})
    rules = program.one("ConfigMap", "prometheus-rules").inputs["data"].values()
    alerts = [
        rule for text in rules for group in yaml.safe_load(text)["groups"] for rule in group["rules"] if "alert" in rule
    ]
    assert len(alerts) > 50
    for alert in alerts:
        assert alert["annotations"]["runbook_url"] == f"{base}/runbooks/{alert['alert']}.md"
