"""The hardened workload by itself: what its arguments turn on, and what none of them can turn off."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from components.namespace_context import NamespaceContext
from components.workload import PersistentVolume, Probes, Workload, WorkloadArgs
from tests.support.synthesis import Program, declare
from tests.unit.kubernetes_schema import unknown_keys

PLACE = NamespaceContext(namespace="here", environment="dev", cluster="c", storage_class=None, wait_for_ready=True)
ARGS = WorkloadArgs(
    context=PLACE,
    image="example/tool:1",
    cpu="100m",
    memory="64Mi",
    ports={"http-metrics": 8080},
    probes=Probes(port="http-metrics", liveness_path="/alive", readiness_path="/ready", startup_seconds=61),
)


def made(args: WorkloadArgs = ARGS) -> Program:
    return declare(lambda: Workload("tool", args))


def pod(program: Program) -> dict[str, Any]:
    ((_, spec),) = program.pods()
    return spec


def test_without_data_it_is_a_deployment_that_never_has_fewer_pods_than_wanted() -> None:
    spec = made().one("Deployment", "tool").inputs["spec"]
    assert spec["strategy"] == {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}}


def test_with_data_it_is_a_stateful_set_with_a_volume_a_replica() -> None:
    args = replace(
        ARGS,
        persistent_volume=PersistentVolume(path="/var/lib/tool", size="1Gi"),
        context=replace(PLACE, storage_class="fast"),
    )
    program = made(args)
    (claim,) = program.one("StatefulSet", "tool").inputs["spec"]["volumeClaimTemplates"]
    assert claim["spec"]["resources"]["requests"]["storage"] == "1Gi"
    assert claim["spec"]["storageClassName"] == "fast"
    assert {"name": "data", "mountPath": "/var/lib/tool"} in pod(program)["containers"][0]["volumeMounts"]


def test_the_cluster_chooses_the_storage_class_when_none_is_named() -> None:
    program = made(replace(ARGS, persistent_volume=PersistentVolume(path="/var/lib/tool", size="1Gi")))
    (claim,) = program.one("StatefulSet", "tool").inputs["spec"]["volumeClaimTemplates"]
    assert "storageClassName" not in claim["spec"]


def test_the_startup_probe_covers_the_whole_time_that_recovery_may_take() -> None:
    probe = pod(made())["containers"][0]["startupProbe"]
    assert probe["periodSeconds"] * probe["failureThreshold"] >= 61


@pytest.mark.parametrize("reason", [None, "reads pods"])
def test_a_token_is_mounted_only_with_a_reason(reason: str | None) -> None:
    assert pod(made(replace(ARGS, api_access_reason=reason)))["automountServiceAccountToken"] is (reason is not None)


def test_scratch_is_bounded_and_everything_else_is_read_only() -> None:
    spec = pod(
        made(
            replace(
                ARGS, empty_dirs={"/tmp": "16Mi"}, mounts={"/etc/tool": {"name": "config", "config_map": {"name": "c"}}}
            )
        )
    )
    assert {"name": "tmp", "emptyDir": {"sizeLimit": "16Mi"}} in spec["volumes"]
    mounts = {mount["mountPath"]: mount.get("readOnly", False) for mount in spec["containers"][0]["volumeMounts"]}
    assert mounts == {"/etc/tool": True, "/tmp": False}


def test_one_replica_has_no_budget_that_would_block_a_drain() -> None:
    assert made().of_kind("PodDisruptionBudget") == []
    assert made(replace(ARGS, replicas=2)).one("PodDisruptionBudget", "tool").inputs["spec"]["maxUnavailable"] == 1


def test_a_headless_service_leads_to_every_pod() -> None:
    assert made(replace(ARGS, headless=True)).one("Service", "tool").inputs["spec"]["clusterIP"] == "None"
    assert "clusterIP" not in made().one("Service", "tool").inputs["spec"]


@pytest.mark.parametrize(
    "relax",
    [
        lambda args: replace(args, api_access_reason="a reason"),
        lambda args: replace(args, persistent_volume=PersistentVolume(path="/d", size="1Gi")),
        lambda args: replace(args, empty_dirs={"/tmp": "1Mi"}, replicas=3, headless=True),
    ],
)
def test_no_argument_weakens_the_security_context(relax: Callable[[WorkloadArgs], WorkloadArgs]) -> None:
    plain, relaxed = pod(made()), pod(made(relax(ARGS)))
    assert relaxed["securityContext"] == plain["securityContext"]
    assert relaxed["containers"][0]["securityContext"] == plain["containers"][0]["securityContext"]


def test_replicas_that_gossip_find_each_other_before_they_are_ready() -> None:
    args = replace(
        ARGS, replicas=3, persistent_volume=PersistentVolume(path="/d", size="1Gi"), headless=True, peer_port="gossip"
    )
    program = made(replace(args, ports={"http-metrics": 8080, "gossip": 9094}))
    peers = program.one("Service", "tool-peers").inputs["spec"]
    assert peers["publishNotReadyAddresses"] is True
    assert [(port["name"], port["port"], port["protocol"]) for port in peers["ports"]] == [
        ("gossip", 9094, "TCP"),
        ("gossip-udp", 9094, "UDP"),
    ]
    assert program.one("StatefulSet", "tool").inputs["spec"]["serviceName"] == "tool-peers"
    assert "publishNotReadyAddresses" not in program.one("Service", "tool").inputs["spec"], (
        "others meet only who is ready"
    )


def test_what_is_empty_is_left_out_as_the_api_server_does() -> None:
    """Else a refresh would see it gone, and the next update would put it back, for ever."""

    def empties(value: Any, path: str = "") -> list[str]:
        inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        below = [found for key, item in inside for found in empties(item, f"{path}.{key}")]
        return below + ([path] if isinstance(value, list) and not value else [])

    assert empties(pod(made())) == []
    assert empties(pod(made(replace(ARGS, args=["x"], empty_dirs={"/tmp": "1Mi"})))) == []


def test_children_belong_to_the_workload_and_have_only_known_keys() -> None:
    program = made(replace(ARGS, replicas=2, persistent_volume=PersistentVolume(path="/d", size="1Gi")))
    objects = list(program.kubernetes())
    assert {each.kind for each in objects} == {"ServiceAccount", "Service", "StatefulSet", "PodDisruptionBudget"}
    assert all(each.parent.endswith("atlas:index:Workload::tool") for each in objects)
    assert [finding for each in objects for finding in unknown_keys(each.type, each.inputs)] == []
