"""The embedded cluster's node as a person meets it: pods run, find each other, and leave nothing when they go."""

import os
import signal
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import pytest

from tests.node.machine import settings_of_machine
from tests.node.redis_pods import (
    NAMESPACE,
    answers,
    bring_image,
    claim,
    declare,
    pod,
    processes_in,
    redis,
    service,
    wait_for,
)
from tests.support.embedded_cluster import EmbeddedCluster
from tests.support.waiting import wait_until
from tools import processes
from tools.cluster import Cluster
from tools.node import NAME
from tools.node_volumes import FREE_VOLUMES

PARTS = ("containerd", "api-server-inlet", "api-server-outlet", "kubelet", "kube-proxy")


def kill(numbers: Iterable[int]) -> None:
    for pid in numbers:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def parts(cluster: EmbeddedCluster) -> dict[str, int]:
    found = {name: processes.read(cluster.directory / "run" / f"{name}.pid") for name in PARTS}
    return {name: process.pid for name, process in found.items() if process}


def holder(cluster: EmbeddedCluster) -> int:
    process = Cluster(cluster.directory).node.host.namespace_holder
    assert process is not None
    return process.pid


def traces_of_nodes() -> dict[str, list[str]]:
    """Whatever of any node this machine itself can see."""
    groups = [str(path) for path in Path("/sys/fs/cgroup").rglob("atlas-*")]
    links = [path.name for path in Path("/sys/class/net").iterdir() if path.name.startswith("atlas-")]
    mounts = [
        line for line in Path("/proc/self/mounts").read_text().splitlines() if "kubelet" in line or "/cni" in line
    ]
    return {"groups": groups, "links": links, "mounts": mounts}


def restarts(cluster: EmbeddedCluster) -> dict[str, tuple[str, int]]:
    """The pods' identities with how often their containers were restarted."""
    return {
        each["metadata"]["name"]: (each["metadata"]["uid"], each["status"]["containerStatuses"][0]["restartCount"])
        for each in cluster.objects("pods")
    }


@pytest.fixture(scope="session")
def served(cluster: EmbeddedCluster) -> EmbeddedCluster:
    """The session's cluster with a Redis behind a Service, and another one to ask from."""
    bring_image(cluster)
    declare(cluster, pod("server"), service("server"), pod("client"))
    wait_for(cluster, "server", "client")
    return cluster


def test_a_restricted_pod_answers_another_one_by_its_services_name(served: EmbeddedCluster) -> None:
    (address,) = [
        each["spec"]["clusterIP"] for each in served.objects("services") if each["metadata"]["name"] == "server"
    ]

    for host in ("server", f"server.{NAMESPACE}.svc.cluster.local", address):
        wait_until(lambda host=host: answers(served, host))
    redis(served, "client", "set", "written", "through the service", host="server")
    assert redis(served, "server", "get", "written") == "through the service"


def test_a_service_that_is_gone_answers_no_more(served: EmbeddedCluster) -> None:
    declare(served, {**service("server"), "metadata": {"name": "passing", "namespace": NAMESPACE}})
    # CoreDNS keeps for half a minute that it has not heard of a name.
    wait_until(lambda: answers(served, "passing"), seconds=60)
    served.kubectl("delete", "service", "passing", f"--namespace={NAMESPACE}")

    wait_until(lambda: not answers(served, "passing"), seconds=60)


def test_a_pod_runs_as_its_own_user_without_rights(served: EmbeddedCluster) -> None:
    running = [pid for pid in processes_in(served.directory) if _name(pid) == "redis-server"]
    assert len(running) == 2
    for pid in running:
        status = dict(
            line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":\t" in line
        )
        assert status["Uid"].split() == ["10001"] * 4
        assert int(status["CapEff"], 16) == int(status["CapBnd"], 16) == 0
        assert status["NoNewPrivs"] == "1"
        assert status["Seccomp"] == "2"


def test_logs_are_files_of_the_node_and_are_served(served: EmbeddedCluster) -> None:
    said = served.kubectl("logs", "server", f"--namespace={NAMESPACE}").stdout
    assert "Ready to accept connections" in said
    files = list((served.directory / "node/var/log/pods").glob(f"{NAMESPACE}_server_*/redis/0.log"))
    assert len(files) == 1


def test_a_second_up_changes_nothing(served: EmbeddedCluster) -> None:
    before = parts(served), restarts(served), processes_in(served.directory)
    answer = served.command("up", "--node")

    assert answer.returncode == 0, answer.stderr
    assert "already running" in answer.stdout
    assert (parts(served), restarts(served)) == before[:2]
    assert set(parts(served)) == set(PARTS)


def test_status_names_the_nodes_parts(served: EmbeddedCluster) -> None:
    answer = served.command("status")

    assert answer.returncode == 0, answer.stdout
    rows = {line.split()[0]: line for line in answer.stdout.splitlines()}
    for name, pid in parts(served).items():
        assert str(pid) in rows[name]
        assert " ok " in rows[name]


@pytest.mark.parametrize("victim", PARTS)
def test_a_part_that_was_killed_comes_back_and_pods_live_on(served: EmbeddedCluster, victim: str) -> None:
    before, pods = parts(served), restarts(served)
    kill([before[victim]])
    wait_until(lambda: victim not in parts(served))

    answer = served.command("status")
    assert answer.returncode == 1
    assert f"{victim} " in answer.stdout
    served.up()
    after = parts(served)
    assert {name for name in PARTS if after[name] != before[name]} == {victim}
    assert restarts(served) == pods
    wait_until(lambda: answers(served, "server"))


def test_what_the_node_listens_on_is_in_its_own_network(served: EmbeddedCluster) -> None:
    ours = os.readlink("/proc/self/ns/net")
    here = [pid for pid in processes_in(served.directory) if _network(pid) == ours]

    assert parts(served)["api-server-inlet"] in here, "it connects to this machine's loopback address"
    assert {_name(pid) for pid in here} == {"socat"}
    assert [_listening(pid) for pid in here] == [[]] * len(here)


def test_this_machine_stays_as_it_is(new_machine: dict[str, str], served: EmbeddedCluster) -> None:
    assert settings_of_machine() == new_machine


def test_data_outlive_a_stop_and_go_with_their_claim(new_cluster: EmbeddedCluster) -> None:
    bring_image(new_cluster)
    declare(new_cluster, claim("kept"), pod("keeper", claim="kept"))
    wait_for(new_cluster, "keeper")
    redis(new_cluster, "keeper", "set", "balance", "42")
    assert new_cluster.command("down").returncode == 0
    assert processes_in(new_cluster.directory) == []

    new_cluster.up()
    wait_for(new_cluster, "keeper")
    assert redis(new_cluster, "keeper", "get", "balance") == "42"

    (volume,) = [each for each in new_cluster.objects("persistentvolumes") if each["status"]["phase"] == "Bound"]
    folder = new_cluster.directory / "node" / volume["spec"]["local"]["path"].lstrip("/")
    assert list(folder.iterdir())
    new_cluster.kubectl("delete", "pod/keeper", "pvc/kept", f"--namespace={NAMESPACE}")
    new_cluster.up()
    phases = [each["status"]["phase"] for each in new_cluster.objects("persistentvolumes")]
    assert phases.count("Available") == len(phases) >= FREE_VOLUMES
    assert not list(folder.glob("*"))


def test_a_node_that_lost_its_namespaces_is_made_anew(new_cluster: EmbeddedCluster) -> None:
    bring_image(new_cluster)
    declare(new_cluster, pod("server"), service("server"), pod("client"))
    wait_for(new_cluster, "server", "client")
    kill([holder(new_cluster)])

    assert "atlas-node" in new_cluster.command("status").stdout
    new_cluster.up()
    wait_until(lambda: {count for _, count in restarts(new_cluster).values()} != {0}, seconds=60)
    wait_for(new_cluster, "server", "client")
    wait_until(lambda: answers(new_cluster, "server"))


@pytest.mark.parametrize("how", ["as it should be", "after a crash of all", "after a crash of what keeps it"])
def test_nothing_is_left(new_cluster: EmbeddedCluster, cluster: EmbeddedCluster, how: str) -> None:
    before = traces_of_nodes()
    names = {Cluster(each.directory).node.host.name for each in (cluster, new_cluster)}
    assert names <= set(before["links"]), "two clusters have a node each, side by side"
    bring_image(new_cluster)
    declare(new_cluster, pod("server"))
    wait_for(new_cluster, "server")
    name = Cluster(new_cluster.directory).node.host.name
    if how == "after a crash of all":
        kill(processes_in(new_cluster.directory))
    elif how == "after a crash of what keeps it":
        kill([holder(new_cluster)])
    new_cluster.wipe()

    after = traces_of_nodes()
    assert [each for kind in after.values() for each in kind if name in each] == []
    assert after["mounts"] == []
    assert Cluster(cluster.directory).node.host.name in after["links"]
    assert not new_cluster.directory.exists()


def test_a_node_is_a_choice(tmp_path: Path) -> None:
    plain = EmbeddedCluster(tmp_path / "plain")
    try:
        plain.up()
        assert plain.objects("nodes") == []
        assert not (plain.directory / "node").exists()
        grown = EmbeddedCluster(plain.directory, node=True)
        grown.up()
        assert [each["metadata"]["name"] for each in grown.objects("nodes")] == [NAME]
        plain.up()
        assert set(parts(plain)) == set(PARTS), "a cluster keeps its node"
    finally:
        plain.wipe()


def _name(pid: int) -> str:
    """Empty where it has ended: kube-proxy calls short commands."""
    with suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/comm").read_text().strip()
    return ""


def _network(pid: int) -> str:
    with suppress(FileNotFoundError, ProcessLookupError):
        return os.readlink(f"/proc/{pid}/ns/net")
    return ""


def _listening(pid: int) -> list[str]:
    """The addresses on which it takes TCP connections."""
    sockets = {os.readlink(link) for link in Path(f"/proc/{pid}/fd").iterdir() if link.is_symlink()}
    lines = [line.split() for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]]
    return [line[1] for line in lines if line[3] == "0A" and f"socket:[{line[9]}]" in sockets]
