"""What the recordings do not show of the Kubernetes stand-in: the settings in use, secrets, drift, waiting, failures."""

import base64
import json
import secrets
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.engine.declared import Declared, config_map, deployment, live_object
from tests.support.addresses import free_port
from tests.support.embedded_cluster import EmbeddedCluster


def test_with_mutable_configmaps_a_fixed_one_changes_in_place_and_an_immutable_one_is_replaced(
    declared: Declared, cluster: EmbeddedCluster
) -> None:
    def declare(content: str) -> None:
        declared.declare(
            ("fixed", config_map({"k": content}, "fixed")),
            ("auto", config_map({"k": content}, immutable=True)),
            ("frozen", config_map({"k": content}, "frozen", immutable=True)),
            enableConfigMapMutable=True,
        )

    declare("1")
    declared.stack.up()
    before = live_object(cluster, "configmap", "fixed")
    first = declared.resource("auto")["id"].split("/")[1]
    declare("2")
    assert declared.announced() == {"fixed": "update", "auto": "replace", "frozen": "replace"}
    up = declared.stack.up()
    assert up.changes == {"update": 1, "replace": 2}
    operations = [operation for operation, urn in up.steps if urn.endswith("::frozen")]
    assert operations == ["delete-replaced", "replace", "create-replacement"]
    after = live_object(cluster, "configmap", "fixed")
    assert after["metadata"]["uid"] == before["metadata"]["uid"]
    assert after["data"] == {"k": "2"}
    assert declared.resource("auto")["id"] != f"default/{first}"
    assert cluster.kubectl("get", "configmap", first, check=False).returncode != 0
    assert not declared.stack.up().changes


def test_secrets_are_in_the_cluster_and_nowhere_readable_in_state_or_output(
    declared: Declared, cluster: EmbeddedCluster
) -> None:
    plain, rotated = secrets.token_hex(16), secrets.token_hex(16)

    def declare(value: str) -> None:
        app = deployment("planted", skipAwait="true")
        app["spec"]["template"]["spec"]["containers"][0]["env"] = [{"name": "TOKEN", "value": {"secret": value}}]
        metadata = {"namespace": "default", "name": "planted"}
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": {"pw": {"secret": value}}}
        open_one = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"namespace": "default"},
            "stringData": {"pw": value},
        }
        hidden = config_map({"k": "see below"}, "planted")
        hidden["data"]["k"] = {"secret": value}
        declared.declare(("secret", secret), ("unmarked", open_one), ("map", hidden), ("app", app))

    said = ""
    for value in (plain, rotated):
        declare(value)
        said += declared.stack.run("preview", "--diff").output
        up = declared.stack.up("--diff")
        said += up.output + json.dumps(up.events)
    said += declared.stack.refresh().output
    for text in (plain, rotated):
        hidden_forms = [text, base64.b64encode(text.encode()).decode()]
        for searched in (said, json.dumps(declared.stack.export())):
            assert not [form for form in hidden_forms if form in searched]
    assert base64.b64decode(live_object(cluster, "secret", "planted")["data"]["pw"]).decode() == rotated
    assert live_object(cluster, "configmap", "planted")["data"]["k"] == rotated


def test_a_refresh_sees_drift_and_the_next_update_corrects_it(declared: Declared, cluster: EmbeddedCluster) -> None:
    maps = (("edited", config_map({"k": "1"}, "edited")), ("lost", config_map({"k": "1"}, "lost")))
    declared.declare(*maps, enableConfigMapMutable=True)
    declared.stack.up()
    cluster.kubectl("patch", "configmap", "edited", "--patch", '{"data": {"k": "drifted"}}')
    cluster.kubectl("delete", "configmap", "lost")
    assert declared.stack.refresh().changes == {"update": 1, "delete": 1}
    assert declared.resource("edited")["outputs"]["data"] == {"k": "drifted"}
    assert declared.announced() == {"edited": "update", "lost": "create"}
    declared.stack.up()
    assert live_object(cluster, "configmap", "edited")["data"] == {"k": "1"}
    assert live_object(cluster, "configmap", "lost")["data"] == {"k": "1"}
    assert not declared.stack.refresh().changes


def test_fields_of_another_manager_are_taken_over_only_on_demand(declared: Declared, cluster: EmbeddedCluster) -> None:
    wanted = config_map({"k": "1"}, "contested")
    declared.declare(("map", wanted), enableConfigMapMutable=True)
    declared.stack.up()
    patch = ["--field-manager=someone", "--patch", '{"data": {"k": "theirs"}}']
    cluster.kubectl("patch", "configmap", "contested", *patch)
    declared.stack.refresh()
    for command in (["preview"], ["up", "--yes", "--skip-preview"]):
        refused = declared.stack.run(*command, check=False)
        assert refused.rc != 0
        assert 'conflict with "someone"' in refused.output
    assert live_object(cluster, "configmap", "contested")["data"] == {"k": "theirs"}
    wanted["metadata"]["annotations"] = {"pulumi.com/patchForce": "true"}
    declared.declare(("map", wanted), enableConfigMapMutable=True)
    declared.stack.up()
    assert live_object(cluster, "configmap", "contested")["data"] == {"k": "1"}


def test_an_imported_object_is_taken_over_from_kubectl(declared: Declared, cluster: EmbeddedCluster) -> None:
    cluster.kubectl("apply", "--filename=-", stdin=json.dumps(config_map({"k": "1", "dropped": "1"}, "found")))
    declared.declare(
        ("found", config_map({"k": "1", "dropped": "1"}, "found"), {"import": "default/found"}),
        enableConfigMapMutable=True,
    )
    up = declared.stack.up()
    assert up.changes["import"] == 1
    declared.declare(("found", config_map({"k": "2"}, "found")), enableConfigMapMutable=True)
    declared.stack.up()
    assert live_object(cluster, "configmap", "found")["data"] == {"k": "2"}


def test_another_spelling_of_the_same_is_no_difference(declared: Declared) -> None:
    app = deployment("spelled", skipAwait="true")
    pod = app["spec"]["template"]["spec"]
    pod |= {
        "hostNetwork": False,
        "volumes": [{"name": "scratch", "emptyDir": {"sizeLimit": "2048Mi"}}],
        "nodeSelector": {},
    }
    pod["containers"][0] |= {
        "resources": {"requests": {"cpu": 0.5, "memory": "1024Mi"}, "limits": {"memory": "1048576Ki"}},
        "env": [{"name": "EMPTY", "value": ""}],
        "volumeMounts": [{"name": "scratch", "mountPath": "/scratch", "readOnly": False}],
    }
    declared.declare(("app", app))
    declared.stack.up()
    assert declared.announced() == {}
    declared.stack.refresh()
    assert declared.announced() == {}


def test_ignored_fields_keep_what_the_cluster_has(declared: Declared, cluster: EmbeddedCluster) -> None:
    options = {"ignoreChanges": ["spec.replicas"]}
    app = deployment("scaled", skipAwait="true")
    declared.declare(("app", app, options))
    declared.stack.up()
    cluster.kubectl("scale", "deployment", "scaled", "--replicas=3")
    declared.stack.refresh()
    assert declared.announced() == {}
    app["spec"]["template"]["spec"]["containers"][0]["image"] = "local/none:2"
    declared.declare(("app", app, options))
    declared.stack.up()
    found = live_object(cluster, "deployment", "scaled")
    assert found["spec"]["replicas"] == 3
    assert found["spec"]["template"]["spec"]["containers"][0]["image"] == "local/none:2"


def test_a_replacement_does_not_land_on_the_object_that_is_being_deleted(
    declared: Declared, cluster: EmbeddedCluster
) -> None:
    declared.declare(("app", deployment("swapped", skipAwait="true")))
    declared.stack.up()
    first = live_object(cluster, "deployment", "swapped")["metadata"]["uid"]
    declared.declare(("app", deployment("swapped", labels={"more": "yes"}, skipAwait="true")))
    assert declared.stack.up().changes == {"replace": 1}
    time.sleep(2)
    found = live_object(cluster, "deployment", "swapped")
    assert found["metadata"]["uid"] != first
    assert found["spec"]["selector"]["matchLabels"] == {"app": "swapped", "more": "yes"}


@pytest.mark.parametrize(
    ("command", "fault", "sentence"),
    [
        ("up", "nobody listens", "cannot be reached (Connection refused); start the cluster, or set KUBECONFIG"),
        ("preview", "nobody listens", "cannot be reached (Connection refused); start the cluster, or set KUBECONFIG"),
        ("preview", "no file", "there is no kubeconfig; set KUBECONFIG to the file of the cluster to use"),
        ("preview", "no such context", "the kubeconfig has no context 'elsewhere'; it has: "),
        ("up", "no credentials", "does not accept the kubeconfig's credentials"),
    ],
)
def test_a_cluster_that_cannot_be_used_is_one_sentence_and_changes_nothing(
    idle: Declared, cluster: EmbeddedCluster, tmp_path: Path, command: str, fault: str, sentence: str
) -> None:
    kubeconfig = tmp_path / "kubeconfig"
    content = yaml.safe_load(cluster.kubeconfig.read_text())
    provider: dict[str, str] = {}
    if fault == "nobody listens":
        content["clusters"][0]["cluster"]["server"] = f"https://127.0.0.1:{free_port()}"
    if fault == "no credentials":
        content["users"][0]["user"] = {}
    if fault == "no such context":
        provider["context"] = "elsewhere"
    if fault != "no file":
        kubeconfig.write_text(yaml.safe_dump(content))
    idle.declare(("map", config_map({"k": "1"}, "never")), **provider)
    arguments = ["up", "--yes", "--skip-preview"] if command == "up" else ["preview"]
    failed = idle.stack.run(*arguments, environment={"KUBECONFIG": str(kubeconfig)}, check=False)
    assert failed.rc != 0
    assert sentence in failed.output
    assert "Traceback" not in failed.output
    assert cluster.kubectl("get", "configmap", "never", check=False).returncode != 0
    assert not [found for found in idle.stack.resources() if found["type"].startswith("kubernetes:")]


@pytest.mark.parametrize(
    ("provider", "obj", "sentence"),
    [
        (
            {"enableConfigMapMutabel": True},
            config_map({}),
            "the Kubernetes provider has no setting 'enableConfigMapMutabel'",
        ),
        ({"renderYamlToDirectory": "x"}, config_map({}), "rendering to files is not supported by the stand-in"),
        ({"enableServerSideApply": False}, config_map({}), "knows server-side apply only"),
        ({}, {"apiVersion": "v1", "kind": "ConfigMapList", "items": []}, "ConfigMapList cannot be created directly"),
        ({}, {"apiVersion": "v1", "kind": "ConfigMapPatch"}, "ConfigMapPatch is not supported by the stand-in"),
        (
            {},
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"generateName": "x-"}},
            "metadata.generateName cannot be used with server-side apply",
        ),
        (
            {},
            {"apiVersion": "example.org/v1", "kind": "Gadget", "metadata": {"name": "x"}},
            "the API server has no kind 'Gadget' in 'example.org/v1'",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_the_stand_in_does_not_do_is_refused_in_one_sentence(
    idle: Declared, provider: dict[str, Any], obj: dict[str, Any], sentence: str
) -> None:
    idle.declare(("refused", obj), **provider)
    failed = idle.stack.up(check=False)
    assert failed.rc != 0
    assert sentence in failed.output
    assert "Traceback" not in failed.output
