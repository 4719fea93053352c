"""What an edit of a deployed stack changes, and what it leaves alone. The stack is put back after each test."""

import json
import re
import secrets
from collections.abc import Callable, Iterator

import pytest
import yaml

from components.platform_services import SERVICES, service_secrets
from tests.support.embedded_cluster import EmbeddedCluster
from tests.support.repository import copy_program, edit
from tests.support.workspace import STATE_AT_THE_END, Workspace
from tools.stack import REFRESH

EDITED = ("config", "dashboards", "rules")


@pytest.fixture(scope="module")
def standing(
    tmp_path_factory: pytest.TempPathFactory, workspace: Callable[..., Workspace], cluster: EmbeddedCluster
) -> Iterator[Workspace]:
    """The local stack, up once for all tests here."""
    stack = workspace(copy_program(tmp_path_factory.mktemp("standing") / "atlas"), environment=STATE_AT_THE_END)
    stack.up()
    yield stack
    cluster.clean()


@pytest.fixture
def deployed(standing: Workspace) -> Iterator[Workspace]:
    """That stack. Afterwards its files are again what they were, and deployed."""
    files = standing.folder
    edited = [
        files / "Pulumi.local.yaml",
        *(path for name in EDITED for path in (files / name).rglob("*") if path.is_file()),
    ]
    before = {path: path.read_bytes() for path in edited}
    yield standing
    for path, data in before.items():
        path.write_bytes(data)
    standing.up()


def test_an_edited_rule_changes_its_configmap_in_place_and_restarts_nothing(deployed: Workspace) -> None:
    edit(deployed.folder / "rules/trading_platform.yaml", "> 0.05", "> 0.06")
    up = deployed.up()
    assert [(operation, urn.rpartition("::")[2]) for operation, urn in up.steps] == [("update", "prometheus-rules")]


def test_an_edited_configuration_rolls_its_own_pods_and_no_others(deployed: Workspace) -> None:
    edit(deployed.folder / "Pulumi.local.yaml", "samplingPercentage: 100", "samplingPercentage: 50")
    assert [(op, urn.rpartition("::")[2]) for op, urn in deployed.up().steps] == [("update", "otel-collector")]
    with (deployed.folder / "config/loki/loki.yaml").open("a") as config:
        config.write("\n# a remark\n")
    steps = [(op, urn.rpartition("::")[2]) for op, urn in deployed.up().steps]
    assert steps == [
        ("create-replacement", "loki-config"),
        ("replace", "loki-config"),
        ("update", "loki"),
        ("delete-replaced", "loki-config"),
    ]


def test_rotation_replaces_the_generated_secrets_and_rolls_their_user_alone(deployed: Workspace) -> None:
    deployed.run("config", "set", "atlas:rotation", "2")
    changed = {urn.rpartition("::")[2] for _, urn in deployed.up().steps}
    passwords = {"postgres-password", "rabbitmq-password", "nextauth-secret"}
    passwords |= {"api-token", "ops-ui-token", "ops-ui-password"}
    users = {name for name in SERVICES if any(secret.generated for secret in service_secrets(name).values())}
    assert len(users) >= 4
    assert changed == {
        "grafana-admin-password",
        "grafana-secret-key",
        *("grafana", "db", "rabbitmq", "postgres-exporter"),
        *passwords,
        *users,
    }


def test_rotating_one_secret_rolls_its_own_pods_alone_and_shows_nothing_of_it(deployed: Workspace) -> None:
    planted = secrets.token_hex(24)
    deployed.run("config", "set", "--secret", "atlas:grafanaAdminPassword", planted)
    preview = deployed.run("preview", "--diff")
    assert planted not in preview.output
    assert "[secret]" in preview.output
    steps = {(op, urn.rpartition("::")[2]) for op, urn in deployed.up().steps}
    assert {name for _, name in steps} == {"grafana-admin-password", "grafana"}
    assert ("update", "grafana") in steps, "the Deployment gets the new Secret's name"


def test_a_one_line_change_of_a_dashboard_is_all_that_a_preview_shows(deployed: Workspace) -> None:
    edit(deployed.folder / "dashboards/redis.py", '"Connected clients."', '"Clients that are connected."')
    preview = deployed.preview_json()
    changed = [step for step in preview["steps"] if step["op"] != "same"]
    assert [(step["op"], step["urn"].rpartition("::")[2]) for step in changed] == [("update", "dashboard-redis")]
    assert set(changed[0]["detailedDiff"]) == {'data["redis.json"]'}
    shown = deployed.run("preview", "--diff").stdout
    marked = re.findall(r"^\s+([~+-]) ([\w.]+)\s*: (.*)$", shown, re.MULTILINE)
    opened = {"data", "redis.json", "panels"}  # around the line
    assert [each for each in marked if each[1] not in opened] == [
        ("~", "description", '"Connected clients." => "Clients that are connected."')
    ]


def test_an_update_waits_neither_for_a_backtest_nor_for_an_ingress(
    deployed: Workspace, cluster: EmbeddedCluster
) -> None:
    """Nothing here runs a pod or gives an Ingress its address."""
    file = deployed.folder / "Pulumi.local.yaml"
    values = yaml.safe_load(file.read_text())
    run = {
        "name": "january",
        "strategy": "simple_strategy",
        "data": "data.csv",
        "start": "2026-01-01",
        "end": "2026-02-01",
    }
    values["config"]["atlas:platform"] |= {
        "backtests": [run],
        "url": "https://ops.example.com",
        "apiUrl": "https://api.example.com",
        "signIn": "ingress",
    }
    values["config"]["atlas:grafana"] = {"url": "https://grafana.example.com"}
    values["config"]["atlas:ingress"] = {"className": "nginx", "issuer": "letsencrypt", "allow": ["192.0.2.0/24"]}
    file.write_text(yaml.safe_dump(values, sort_keys=False))
    made = {urn.rpartition("::")[2] for operation, urn in deployed.up().steps if operation == "create"}
    assert made >= {"backtest-january", "ops-ui", "grafana"}
    (job,) = cluster.objects("jobs")
    assert not job["status"].get("succeeded")
    assert all(not each["status"]["loadBalancer"] for each in cluster.objects("ingresses"))


def test_what_was_done_by_hand_is_seen_by_a_preview_and_mended_by_an_update(
    deployed: Workspace, cluster: EmbeddedCluster
) -> None:
    cluster.kubectl("delete", "deployment", "api", "--namespace=trading")
    cluster.kubectl("delete", "networkpolicy", "default-deny", "--namespace=trading")
    cluster.kubectl("scale", "deployment", "grafana", "--namespace=observability", "--replicas=0")
    other = json.dumps({"spec": {"template": {"spec": {"terminationGracePeriodSeconds": 7}}}})
    cluster.kubectl("patch", "statefulset", "jaeger", "--namespace=observability", "--patch", other)
    by_hand = {"api": "create", "trading-default-deny": "create", "grafana": "update", "jaeger": "update"}

    assert deployed.announced() == {}, "the state alone knows nothing of it"
    assert deployed.announced(REFRESH) == by_hand
    up = deployed.up(REFRESH)
    assert {urn.rpartition("::")[2] for _, urn in up.steps} >= by_hand.keys()

    assert deployed.announced(REFRESH) == {}
    cluster.kubectl("get", "deployment/api", "networkpolicy/default-deny", "--namespace=trading")
    found = {each["metadata"]["name"]: each["spec"] for each in cluster.objects("deployments,statefulsets")}
    assert found["grafana"]["replicas"] == 1
    assert found["jaeger"]["template"]["spec"]["terminationGracePeriodSeconds"] == 60
