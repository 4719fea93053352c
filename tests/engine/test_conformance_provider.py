"""What the recordings do not show of the Kubernetes stand-in: the settings in use, secrets, drift, waiting, failures."""

import base64
import json
import secrets
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.engine.declared import Declared, config_map, deployment
from tests.engine.recordings import copy_of
from tests.support.addresses import free_port
from tests.support.embedded_cluster import EmbeddedCluster
from tests.support.waiting import wait_until
from tests.support.workspace import Workspace

WAIT_SECONDS = 90


@pytest.fixture(scope="module")
def declared(workspace: Callable[..., Workspace], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Declared]:
    """One stack for all tests: what one leaves is deleted by the first update of the next, and at last by a destroy."""
    made = Declared(workspace(copy_of("declared", tmp_path_factory.mktemp("conformance") / "declared"), stack="d"))
    yield made
    made.stack.destroy()


@pytest.fixture(scope="module")
def idle(workspace: Callable[..., Workspace], tmp_path_factory: pytest.TempPathFactory) -> Declared:
    """A stack for tests in which nothing is ever made."""
    return Declared(workspace(copy_of("declared", tmp_path_factory.mktemp("idle") / "declared"), stack="d"))


def eventually(condition: Callable[[], Any], what: str) -> Any:
    """The condition's answer, once there is one."""
    return wait_until(condition, WAIT_SECONDS, what, every=0.3)


def get(cluster: EmbeddedCluster, kind: str, name: str) -> dict[str, Any]:
    return json.loads(cluster.kubectl("get", kind, name, "--output", "json", "--show-managed-fields").stdout)


def make_ready(cluster: EmbeddedCluster, app: str) -> None:
    """Say of the app's Pods what a kubelet would say."""
    condition = {"status": "True", "lastTransitionTime": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}
    status = {
        "phase": "Running",
        "conditions": [
            {"type": kind, **condition} for kind in ("PodScheduled", "Initialized", "ContainersReady", "Ready")
        ],
    }
    for pod in cluster.objects("pods", "--selector", f"app={app}"):
        name = pod["metadata"]["name"]
        cluster.kubectl("patch", "pod", name, "--subresource=status", "--patch", json.dumps({"status": status}))


def ended(process: subprocess.Popen[str]) -> str:
    """The output of a command that must end soon."""
    output, _ = process.communicate(timeout=WAIT_SECONDS)
    return output


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
    before = get(cluster, "configmap", "fixed")
    first = declared.resource("auto")["id"].split("/")[1]
    declare("2")
    assert declared.announced() == {"fixed": "update", "auto": "replace", "frozen": "replace"}
    up = declared.stack.up()
    assert up.changes == {"update": 1, "replace": 2}
    operations = [operation for operation, urn in up.steps if urn.endswith("::frozen")]
    assert operations == ["delete-replaced", "replace", "create-replacement"]
    after = get(cluster, "configmap", "fixed")
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
    assert base64.b64decode(get(cluster, "secret", "planted")["data"]["pw"]).decode() == rotated
    assert get(cluster, "configmap", "planted")["data"]["k"] == rotated


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
    assert get(cluster, "configmap", "edited")["data"] == {"k": "1"}
    assert get(cluster, "configmap", "lost")["data"] == {"k": "1"}
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
    assert get(cluster, "configmap", "contested")["data"] == {"k": "theirs"}
    wanted["metadata"]["annotations"] = {"pulumi.com/patchForce": "true"}
    declared.declare(("map", wanted), enableConfigMapMutable=True)
    declared.stack.up()
    assert get(cluster, "configmap", "contested")["data"] == {"k": "1"}


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
    assert get(cluster, "configmap", "found")["data"] == {"k": "2"}


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
    found = get(cluster, "deployment", "scaled")
    assert found["spec"]["replicas"] == 3
    assert found["spec"]["template"]["spec"]["containers"][0]["image"] == "local/none:2"


def test_a_replacement_does_not_land_on_the_object_that_is_being_deleted(
    declared: Declared, cluster: EmbeddedCluster
) -> None:
    declared.declare(("app", deployment("swapped", skipAwait="true")))
    declared.stack.up()
    first = get(cluster, "deployment", "swapped")["metadata"]["uid"]
    declared.declare(("app", deployment("swapped", labels={"more": "yes"}, skipAwait="true")))
    assert declared.stack.up().changes == {"replace": 1}
    time.sleep(2)
    found = get(cluster, "deployment", "swapped")
    assert found["metadata"]["uid"] != first
    assert found["spec"]["selector"]["matchLabels"] == {"app": "swapped", "more": "yes"}


def test_an_update_waits_until_the_pods_are_ready(declared: Declared, cluster: EmbeddedCluster) -> None:
    declared.declare(("app", deployment("awaited")))
    process = declared.stack.start("up", "--yes", "--skip-preview")
    eventually(lambda: cluster.objects("pods", "--selector", "app=awaited"), "a Pod of the Deployment")
    time.sleep(3)
    assert process.poll() is None, ended(process)
    make_ready(cluster, "awaited")
    output = ended(process)
    assert process.returncode == 0, output
    assert declared.resource("app")["outputs"]["status"]["readyReplicas"] == 1


def test_what_is_not_ready_in_time_fails_with_the_reason_and_is_corrected_by_the_next_update(
    declared: Declared, cluster: EmbeddedCluster
) -> None:
    declared.declare(("app", deployment("late"), {"create": "10s"}))
    failed = declared.stack.up(check=False)
    assert failed.rc != 0
    assert "not ready after 10 seconds" in failed.output
    assert "no nodes available" in failed.output
    assert declared.resource("app")["initErrors"]
    make_ready(cluster, "late")
    declared.stack.up()
    assert not declared.resource("app").get("initErrors")


def test_an_interrupted_wait_keeps_the_object_in_the_state(declared: Declared, cluster: EmbeddedCluster) -> None:
    declared.declare(("app", deployment("interrupted")))
    process = declared.stack.start("up", "--yes", "--skip-preview")
    eventually(lambda: cluster.objects("pods", "--selector", "app=interrupted"), "a Pod of the Deployment")
    time.sleep(2)
    process.send_signal(signal.SIGINT)
    output = ended(process)
    assert process.returncode != 0
    assert "the wait was cancelled" in output
    assert declared.resource("app")["id"] == "default/interrupted"


def processes_of(stack: Workspace) -> list[int]:
    """The processes that were started for the stack, found by its state's folder in their environment."""
    mark = str(stack.state).encode()
    found: list[int] = []
    for environment in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):
            if mark in environment.read_bytes():
                found.append(int(environment.parent.name))
    return found


def test_a_killed_engine_leaves_no_plugin_behind_and_no_key_on_the_disk(
    declared: Declared, cluster: EmbeddedCluster, tmp_path: Path
) -> None:
    declared.declare(("app", deployment("abandoned")))
    process = declared.stack.start("up", "--yes", "--skip-preview", environment={"TMPDIR": str(tmp_path)})
    eventually(lambda: cluster.objects("pods", "--selector", "app=abandoned"), "a Pod of the Deployment")
    assert list(tmp_path.glob("pulumi-kubernetes-*"))
    assert len(processes_of(declared.stack)) >= 4, "the engine, the program and two plugins"
    process.kill()
    process.wait()
    eventually(lambda: not processes_of(declared.stack), "the end of every process of the update")
    assert not list(tmp_path.glob("pulumi-kubernetes-*"))
    declared.stack.run("cancel", "--yes")
    make_ready(cluster, "abandoned")
    declared.stack.up()
    changed = deployment("abandoned", skipAwait="true")
    changed["spec"]["template"]["spec"]["containers"][0]["image"] = "local/none:2"
    declared.declare(("app", changed))
    declared.stack.up()
    managers = [entry["manager"] for entry in get(cluster, "deployment", "abandoned")["metadata"]["managedFields"]]
    assert len([name for name in managers if name.startswith("pulumi-kubernetes-")]) == 1


def test_a_service_waits_for_its_pods_only_when_it_selects_any(declared: Declared) -> None:
    ports = [{"port": 80}]
    metadata = {"namespace": "default"}
    service: dict[str, Any] = {"apiVersion": "v1", "kind": "Service", "metadata": {**metadata, "name": "alone"}}
    headless = {**service, "metadata": {**metadata, "name": "headless"}}
    declared.declare(
        ("alone", {**service, "spec": {"ports": ports}}, {"create": "3s"}),
        (
            "headless",
            {**headless, "spec": {"ports": ports, "clusterIP": "None", "selector": {"app": "x"}}},
            {"create": "3s"},
        ),
    )
    declared.stack.up()
    selecting = {
        **service,
        "metadata": {**metadata, "name": "selecting"},
        "spec": {"ports": ports, "selector": {"app": "x"}},
    }
    declared.declare(("selecting", selecting, {"create": "3s"}))
    failed = declared.stack.up(check=False)
    assert failed.rc != 0
    assert "its selector may match no Pod" in failed.output


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
