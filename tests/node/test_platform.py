"""`make up` in a fresh copy of the repository: every pod runs, telemetry arrives, and `make down` leaves nothing."""

import json
import os
import re
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from forwards import Access, Door, forwarded
from harness import ROOT, copy_repository, make, tool_path, wait_until
from node_host import NodeHost

pytestmark = pytest.mark.slow
SERVICES = {"api", "ops-ui", "workers", "ops-bot"}
STORES = {"otel-collector", "prometheus", "alertmanager", "loki", "jaeger", "db", "cache", "rabbitmq"}


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A copy without anything that git ignores; its Docker engine is the repository's own, for its bases and caches."""
    clone = copy_repository(tmp_path_factory.mktemp("clone") / "atlas")
    (clone / ".local").mkdir()
    (ROOT / ".local/docker").mkdir(exist_ok=True, mode=0o700)
    (clone / ".local/docker").symlink_to(ROOT / ".local/docker")
    try:
        yield clone
    finally:
        make(clone, "wipe", check=False)


@pytest.fixture(scope="module")
def running(clone: Path) -> Path:
    said = make(clone, "up").stdout
    assert "scaled to zero: grafana, for the registry" in said
    return clone


def access(clone: Path) -> Access:
    host = NodeHost(clone / ".local/cluster/node")
    environment = {**os.environ, "KUBECONFIG": str(clone / ".local/cluster/kubeconfig"), "PATH": tool_path()}
    return Access(environment=environment, context="atlas-local", inside=host.enter("env", mounts=False))


def asked(clone: Path, namespace: str, service: str, port: int, path: str, **query: str) -> Any:
    """What a store of the cluster answers."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with forwarded(Door(namespace=namespace, service=service, port=port), access(clone)) as local:
        address = f"http://127.0.0.1:{local}{path}?{urllib.parse.urlencode(query)}"
        with opener.open(address, timeout=15) as answer:
            return json.load(answer)


def test_every_pod_is_ready_and_every_target_is_up(running: Path) -> None:
    def status() -> str:
        return make(running, "status", check=False).stdout

    wait_until(lambda: re.search(r"^targets: (\d+) of \1 up$", status(), re.MULTILINE), seconds=120)
    said = status()
    pods = re.search(r"^pods: (\d+) of \1 ready$", said, re.MULTILINE)
    assert pods, said
    assert int(pods[1]) >= len(SERVICES | STORES) + 5
    assert "scaled to zero: grafana\n" in said
    assert re.search(r"critical|warning: (?!Volume)", said) is None, said


def test_logs_of_every_service_and_store_arrive(running: Path) -> None:
    def heard() -> set[str]:
        query = 'sum by (service_name) (count_over_time({service_name=~".+"}[30m]))'
        found = asked(running, "observability", "loki", 3100, "/loki/api/v1/query", query=query)
        return {each["metric"]["service_name"] for each in found["data"]["result"]}

    wait_until(lambda: heard() >= SERVICES | STORES, seconds=90)


def test_traces_of_the_services_arrive(running: Path) -> None:
    def traced() -> set[str]:
        return set(asked(running, "observability", "jaeger", 16686, "/api/services")["data"] or [])

    wait_until(lambda: traced() >= {"api", "workers", "ops-ui"}, seconds=90)


def test_metrics_of_nodes_pods_and_objects_arrive(running: Path) -> None:
    def known(query: str) -> bool:
        answer = asked(running, "observability", "prometheus", 9090, "/api/v1/query", query=query)
        return bool(answer["data"]["result"])

    for query in (
        "system_cpu_time_seconds_total",
        'k8s_pod_memory_working_set_bytes{k8s_pod_name="loki-0"}',
        'k8s_volume_available_bytes{k8s_persistentvolumeclaim_name="data-loki-0"}',
        'kube_pod_status_ready{namespace="trading", condition="true"} == 1',
        "pg_up == 1",
        "redis_up == 1",
        "rabbitmq_identity_info",
        "atlas_kill_switch",
    ):
        wait_until(lambda query=query: known(query), seconds=90)


def test_a_second_up_changes_nothing_and_down_leaves_nothing(running: Path) -> None:
    again = make(running, "up").stdout
    assert re.search(r"Resources:\n +\d+ unchanged\n", again), again[-3000:]
    host = NodeHost(running / ".local/cluster/node")
    assert host.groups.processes()
    make(running, "down")

    assert host.groups.processes() == set()
    assert not Path(f"/sys/class/net/{host.name}").exists()
    assert not list(Path("/sys/fs/cgroup").rglob(host.name))
