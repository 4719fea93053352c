"""The Kubernetes stand-in's rules on plain data: readiness, differences, spellings, secrets."""

from typing import Any

import pytest

from offline.kubernetes import ready
from offline.kubernetes.checkpoint import live_inputs, mark_secrets
from offline.kubernetes.diff import changes
from offline.kubernetes.normalization import normalize
from offline.kubernetes.quantity import canonical
from offline.kubernetes.replacement import replacing_fields
from offline.kubernetes.settings import Settings
from offline.values import UNKNOWN, Secret, contains_secret, decode, encode, reveal


def condition(kind: str, status: str = "True", **rest: str) -> dict[str, str]:
    return {"type": kind, "status": status, **rest}


AVAILABLE = [condition("Available"), condition("Progressing", reason="NewReplicaSetAvailable")]
POD_READY = [condition("PodScheduled"), condition("Initialized"), condition("Ready")]
ROLLED_OUT = {"observedGeneration": 2, "updatedReplicas": 3, "readyReplicas": 3, "conditions": AVAILABLE}
SET = {"observedGeneration": 2, "replicas": 3, "readyReplicas": 3, "currentReplicas": 3}
REVISION = {"currentRevision": "a", "updateRevision": "a"}
DAEMONS = {
    "observedGeneration": 2,
    "desiredNumberScheduled": 3,
    "updatedNumberScheduled": 3,
    "numberAvailable": 3,
    "numberReady": 3,
}


@pytest.mark.parametrize(
    ("check", "status", "is_ready"),
    [
        (ready.deployment, ROLLED_OUT, True),
        (ready.deployment, {**ROLLED_OUT, "observedGeneration": 1}, False),
        (ready.deployment, {**ROLLED_OUT, "readyReplicas": 2}, False),
        (ready.deployment, {**ROLLED_OUT, "updatedReplicas": 2}, False),
        (ready.deployment, {**ROLLED_OUT, "conditions": [AVAILABLE[1], condition("Available", "False")]}, False),
        (ready.deployment, {**ROLLED_OUT, "conditions": [AVAILABLE[0], condition("Progressing", reason="x")]}, False),
        (ready.deployment, {}, False),
        (ready.stateful_set, {**SET, **REVISION}, True),
        (ready.stateful_set, {**SET, **REVISION, "observedGeneration": 1}, False),
        (ready.stateful_set, {**SET, **REVISION, "updateRevision": "b"}, False),
        (ready.stateful_set, {**SET, **REVISION, "readyReplicas": 2}, False),
        (ready.stateful_set, {**SET, **REVISION, "currentReplicas": 2}, False),
        (ready.stateful_set, SET, False),
        (ready.daemon_set, DAEMONS, True),
        (ready.daemon_set, {**DAEMONS, "numberReady": 2}, False),
        (ready.daemon_set, {**DAEMONS, "updatedNumberScheduled": 2}, False),
        (ready.daemon_set, {**DAEMONS, "observedGeneration": 1}, False),
        (ready.job, {"conditions": [condition("Complete")]}, True),
        (ready.job, {"active": 1}, False),
        (ready.pod, {"conditions": POD_READY}, True),
        (ready.pod, {"conditions": POD_READY[:2]}, False),
        (ready.pod, {"phase": "Succeeded"}, True),
        (ready.ingress, {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}, True),
        (ready.ingress, {"loadBalancer": {}}, False),
        (ready.resource_quota, {"hard": {"pods": "3"}}, True),
        (ready.resource_quota, {}, False),
    ],
)
def test_an_object_is_ready_when_its_status_says_so_of_this_generation(
    check: ready.Check, status: dict[str, Any], is_ready: bool
) -> None:
    live = {
        "metadata": {"name": "x", "generation": 2},
        "spec": {"replicas": 3, "hard": {"pods": "3"}},
        "status": status,
    }
    assert check(live).ready is is_ready


def test_an_on_delete_statefulset_does_not_wait_for_the_newest_revision() -> None:
    spec = {"replicas": 3, "updateStrategy": {"type": "OnDelete"}}
    status = {**SET, "currentRevision": "a", "updateRevision": "b", "currentReplicas": 0}
    live = {"metadata": {"name": "x", "generation": 2}, "spec": spec, "status": status}
    assert ready.stateful_set(live).ready
    assert not ready.stateful_set({**live, "status": {**status, "readyReplicas": 2}}).ready


def test_a_job_that_gave_up_is_not_waited_for() -> None:
    failed = condition("Failed", reason="BackoffLimitExceeded", message="it crashed")
    progress = ready.job({"metadata": {"name": "x"}, "spec": {}, "status": {"conditions": [failed]}})
    assert progress.failed
    assert progress.problems == ["[BackoffLimitExceeded] it crashed"]


@pytest.mark.parametrize(
    ("phase", "waits_for_consumer", "created", "is_ready"),
    [
        ("Bound", False, True, True),
        ("Pending", False, True, False),
        ("Pending", True, True, True),
        ("Bound", True, False, True),
        ("Pending", True, False, False),
    ],
)
def test_a_claim_is_ready_when_bound_or_when_it_waits_for_its_first_pod(
    phase: str, waits_for_consumer: bool, created: bool, is_ready: bool
) -> None:
    live = {"metadata": {"name": "x"}, "spec": {}, "status": {"phase": phase}}
    assert ready.volume_claim(live, waits_for_consumer, created=created).ready is is_ready


def test_a_pod_that_is_not_ready_says_why_in_the_clusters_words() -> None:
    waiting = {"name": "main", "state": {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}}
    crashed = {"name": "side", "state": {"terminated": {"exitCode": 3}}}
    starting = {"name": "slow", "state": {"waiting": {"reason": "ContainerCreating"}}}
    live = {"metadata": {"name": "x"}, "status": {"containerStatuses": [waiting, crashed, starting]}}
    assert ready.pod_problems(live) == [
        "Pod x: [ImagePullBackOff] no such image",
        "Pod x: container side ended with exit code 3",
    ]


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("1024Mi", "1Gi"),
        ("1.5Gi", "1536Mi"),
        ("0.1Gi", "107374182400m"),
        ("0.5Ki", "512"),
        ("0.5", "500m"),
        ("1000m", "1"),
        ("100000", "100k"),
        ("1e3", "1e3"),
        ("0", "0"),
        ("64Mi", "64Mi"),
        ("much", None),
        ("", None),
    ],
)
def test_a_quantity_is_spelled_as_the_api_server_spells_it(written: str, kept: str | None) -> None:
    assert canonical(written) == kept


def shown(old: Any, new: Any, inputs: Any = None, **options: Any) -> dict[str, tuple[str, bool]]:
    found = changes(
        old, new, old if inputs is None else inputs, options.get("replacing", []), options.get("ignored", [])
    )
    return {change.shown: (change.kind, change.replaces) for change in found}


def test_differences_are_named_by_the_deepest_path_that_changed() -> None:
    old = {"a": {"b": [1, {"c": 2}, 3]}, "gone": 1, "same": 1}
    new = {"a": {"b": [1, {"c": 4, "d.e/f": 5}]}, "added": {"x": 1}, "same": 1.0}
    assert shown(old, new) == {
        "a.b[1].c": ("update", False),
        'a.b[1]["d.e/f"]': ("add", False),
        "a.b[2]": ("delete", False),
        "gone": ("delete", False),
        "added": ("add", False),
    }


def test_true_is_not_one_and_what_is_not_known_yet_is_a_change() -> None:
    assert shown({"a": 1, "b": "x"}, {"a": True, "b": UNKNOWN}) == {"a": ("update", False), "b": ("update", False)}


def test_an_empty_value_the_server_left_out_before_is_no_change_but_a_new_one_is() -> None:
    assert shown({}, {"hostNetwork": False}, {"hostNetwork": False}) == {}
    assert shown({}, {"automount": False}, {}) == {"automount": ("add", False)}


def test_an_empty_value_survives_a_refresh_as_long_as_it_is_still_ours() -> None:
    inputs = {
        "spec": {"off": False, "taken": False, "n": 1, "list": [{"name": "a", "text": ""}, {"name": "b", "text": ""}]}
    }
    ours = {
        "f:off": {},
        "f:n": {},
        "f:list": {'k:{"name":"a"}': {"f:name": {}, "f:text": {}}, 'k:{"name":"b"}': {"f:name": {}}},
    }
    live = {
        "metadata": {"managedFields": [{"manager": "us", "fieldsV1": {"f:spec": ours}}]},
        "spec": {"n": 2, "list": [{"name": "a"}, {"name": "b"}], "added": True},
    }
    kept = {"spec": {"off": False, "n": 2, "list": [{"name": "a", "text": ""}, {"name": "b"}]}}
    assert live_inputs(live, inputs, "us") == kept
    assert live_inputs(live, inputs, "others") == {"spec": {"n": 2, "list": [{"name": "a"}, {"name": "b"}]}}


def test_ignored_paths_cover_what_is_inside_them() -> None:
    old = {"spec": {"replicas": 1, "list": [{"image": "a", "name": "n"}]}}
    new = {"spec": {"replicas": 2, "list": [{"image": "b", "name": "m"}]}}
    assert shown(old, new, ignored=["spec.replicas", "spec.list[*].image"]) == {"spec.list[0].name": ("update", False)}


@pytest.mark.parametrize(
    ("obj", "settings", "path", "value", "replaces"),
    [
        ({"apiVersion": "v1", "kind": "ConfigMap"}, Settings(), ("data", "k"), "v", True),
        ({"apiVersion": "v1", "kind": "ConfigMap"}, Settings(mutable_config_maps=True), ("data", "k"), "v", False),
        (
            {"apiVersion": "v1", "kind": "ConfigMap", "immutable": True},
            Settings(mutable_config_maps=True),
            ("data", "k"),
            "v",
            True,
        ),
        ({"apiVersion": "v1", "kind": "Secret"}, Settings(mutable_secrets=True), ("data", "k"), "v", False),
        ({"apiVersion": "v1", "kind": "Secret"}, Settings(mutable_secrets=True), ("type",), "v", True),
        ({"apiVersion": "apps/v1", "kind": "StatefulSet"}, Settings(), ("spec", "template", "x"), 1, False),
        ({"apiVersion": "apps/v1", "kind": "StatefulSet"}, Settings(), ("spec", "serviceName"), "v", True),
        ({"apiVersion": "v1", "kind": "Pod"}, Settings(), ("spec", "containers", 0, "image"), "v", True),
        ({"apiVersion": "v1", "kind": "Pod"}, Settings(), ("spec", "activeDeadlineSeconds"), 1, False),
        ({"apiVersion": "v1", "kind": "Pod"}, Settings(), ("spec",), {"containers": [{"image": "v"}]}, True),
        ({"apiVersion": "v1", "kind": "Pod"}, Settings(), ("spec",), {"containers": [{"name": "v"}]}, False),
    ],
)
def test_a_change_replaces_only_where_it_touches_a_fixed_field(
    obj: dict[str, Any], settings: Settings, path: tuple[str | int, ...], value: Any, replaces: bool
) -> None:
    old: Any = {}
    new: Any = value
    for step in reversed(path):
        new = {step: new} if isinstance(step, str) else [new]
        old = {step: old} if isinstance(step, str) else [old]
    found = changes(old, new, old, replacing_fields(obj, settings), [])
    assert [change.replaces for change in found] == [replaces]


def test_a_secret_inside_marks_its_value_and_a_whole_list_and_every_secret_object() -> None:
    given = {"a": {"b": Secret("x"), "c": 1}, "list": [1, Secret("y")]}
    marked = mark_secrets({"a": {"b": "x", "c": 1}, "list": [1, "y"], "other": 2}, given)
    assert marked == {"a": {"b": Secret("x"), "c": 1}, "list": Secret([1, "y"]), "other": 2}
    assert mark_secrets({"kind": "Secret", "data": {"k": "v"}}, {})["data"] == Secret({"k": "v"})


def test_string_data_becomes_data_as_on_the_api_server() -> None:
    secret = {"apiVersion": "v1", "kind": "Secret", "stringData": {"a": "é"}, "data": {"b": "eA ==\n"}}
    assert normalize(secret)["data"] == {"a": "w6k=", "b": "eA=="}
    assert "stringData" not in normalize(secret)
    unknown = {"apiVersion": "v1", "kind": "Secret", "stringData": {"a": UNKNOWN}}
    assert normalize(unknown) == unknown


def test_properties_come_back_from_the_wire_as_they_went() -> None:
    properties = {"a": [1, 2.5, True, None, "x", {}], "b": {"c": Secret({"d": "hidden"})}, "f": UNKNOWN}
    back = decode(encode(properties))
    assert back == properties
    assert contains_secret(back)
    assert "hidden" not in repr(back)
    assert reveal(back)["b"] == {"c": {"d": "hidden"}}
