"""What the program relies on in the official Kubernetes provider."""

import base64
import json
import secrets

from tests.engine.declared import Declared, config_map, deployment, live_object
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
    assert declared.stack.announced() == {"fixed": "update", "auto": "replace", "frozen": "replace"}
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
    assert declared.stack.announced() == {}
    declared.stack.refresh()
    assert declared.stack.announced() == {}
