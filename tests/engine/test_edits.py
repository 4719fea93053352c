"""What an edit of a deployed stack changes, and what it leaves alone. The stack is put back after each test."""

import json
import re
import secrets
from collections.abc import Callable, Iterator

import pytest

from components.platform_services import SERVICES, service_secrets
from tests.support.embedded_cluster import EmbeddedCluster
from tests.support.repository import copy_program, edit
from tests.support.workspace import STATE_AT_THE_END, Workspace

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


def test_refresh_sees_drift_and_up_mends_it(deployed: Workspace, cluster: EmbeddedCluster) -> None:
    cluster.kubectl("delete", "networkpolicy", "default-deny", "--namespace", "trading")
    more = json.dumps({"spec": {"replicas": 3}})
    cluster.kubectl("patch", "statefulset", "loki", "--namespace", "observability", "--patch", more)
    seen = {urn.rpartition("::")[2] for _, urn in deployed.refresh().steps}
    assert {"trading-default-deny", "loki"} <= seen
    deployed.up()
    cluster.kubectl("get", "networkpolicy", "default-deny", "--namespace", "trading")
    (loki,) = [each for each in cluster.objects("statefulsets") if each["metadata"]["name"] == "loki"]
    assert loki["spec"]["replicas"] == 1
