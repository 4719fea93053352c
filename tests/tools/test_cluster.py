"""The embedded cluster as a person meets it: started, killed, stopped, wiped; private, encrypted, on the loopback address alone."""

import json
import os
import secrets
import signal
import socket
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import yaml

from tests.support.embedded_cluster import EmbeddedCluster
from tests.support.repository import ROOT
from tests.support.waiting import wait_until
from tools import processes
from tools.control_plane import COMPONENTS
from tools.kubectl import FOLDER, kubectl_cache

NAMES = [component.name for component in COMPONENTS]


def pids(directory: Path) -> dict[str, int]:
    """The living processes of a cluster."""
    found = {name: processes.read(directory / "run" / f"{name}.pid") for name in NAMES}
    return {name: process.pid for name, process in found.items() if process}


def alive(pid: int) -> bool:
    """Whether a process still runs; one that only waits to be collected by its parent does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def kill(directory: Path, *names: str) -> None:
    for name in names:
        process = processes.read(directory / "run" / f"{name}.pid")
        assert process is not None
        process.signal(signal.SIGKILL)
        wait_until(lambda process=process: not process.alive)


def listening(pid: int) -> set[str]:
    """The addresses, as the kernel writes them, on which a process accepts TCP connections."""
    sockets = {os.readlink(link) for link in Path(f"/proc/{pid}/fd").iterdir() if link.is_symlink()}
    found: set[str] = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in sockets:
                found.add(fields[1].split(":")[0])
    return found


def ask(address: str, cluster: EmbeddedCluster, authority: str, client: str | None) -> str:
    """What a client with this certificate hears: ``OK``, an HTTP status, or that it was not even let in."""
    context = ssl.create_default_context(cafile=str(cluster.directory / f"pki/{authority}.crt"))
    if client:
        context.load_cert_chain(cluster.directory / f"pki/{client}.crt", cluster.directory / f"pki/{client}.key")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
    try:
        with opener.open(address, timeout=10):
            return "OK"
    except urllib.error.HTTPError as error:
        return str(error.code)
    except OSError:
        return "refused"


def test_a_second_up_finds_it_running_and_changes_nothing(cluster: EmbeddedCluster) -> None:
    before = pids(cluster.directory)
    answer = cluster.command("up")

    assert set(before) == set(NAMES)
    assert answer.returncode == 0
    assert "already running" in answer.stdout
    assert pids(cluster.directory) == before


def test_status_names_each_part_and_counts_objects(cluster: EmbeddedCluster) -> None:
    answer = cluster.command("status")

    assert answer.returncode == 0
    rows = {line.split()[0]: line for line in answer.stdout.splitlines()}
    for name, pid in pids(cluster.directory).items():
        assert str(pid) in rows[name]
        assert " ok " in rows[name]
    assert "4 namespaces" in rows["objects:"]


@pytest.mark.parametrize("victims", [[name] for name in NAMES] + [NAMES], ids=lambda names: "+".join(names))
def test_what_was_killed_comes_back_with_the_data(cluster: EmbeddedCluster, victims: list[str]) -> None:
    name = f"kept-{secrets.token_hex(4)}"
    cluster.kubectl("create", "configmap", name, "--namespace", "default")
    before = pids(cluster.directory)
    kill(cluster.directory, *victims)

    assert cluster.command("status").returncode == 1
    cluster.up()
    after = pids(cluster.directory)
    assert {part for part in NAMES if after[part] != before[part]} == set(victims)
    assert cluster.command("status").returncode == 0
    cluster.kubectl("get", "configmap", name, "--namespace", "default")


def test_nothing_listens_beyond_the_loopback_address(cluster: EmbeddedCluster) -> None:
    for name, pid in pids(cluster.directory).items():
        assert listening(pid) == {"0100007F"}, name


def test_everything_kept_is_its_owners_alone(cluster: EmbeddedCluster) -> None:
    """kubectl chooses its files' modes itself: they are behind the folder's, and hold what the API offers and no objects."""
    for path in [cluster.directory, *cluster.directory.rglob("*")]:
        if not path.is_symlink() and FOLDER not in path.parts:
            assert path.stat().st_mode & 0o077 == 0, path


def test_a_kubeconfig_under_another_name_reaches_the_same_cluster(cluster: EmbeddedCluster, tmp_path: Path) -> None:
    file = cluster.kubeconfig_as("atlas-prod")
    document = yaml.safe_load(file.read_text())
    command = ["kubectl", "--kubeconfig", str(file), "--context", "atlas-prod", "get", "--raw", "/readyz"]
    path = f"{ROOT / '.local/bin'}:{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, **kubectl_cache(tmp_path)}

    assert [context["name"] for context in document["contexts"]] == ["atlas-prod"]
    assert subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout == "ok"


def test_no_other_kubeconfig_is_read_or_written(directory: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / ".kube").mkdir(parents=True)
    (home / ".kube/config").write_text("not even yaml: [")
    script = [sys.executable, str(ROOT / "tools/cluster.py")]
    environment = {**os.environ, "HOME": str(home), "KUBECONFIG": str(home / ".kube/config")}
    for command in ("up", "status", "down"):
        subprocess.run([*script, command, "--directory", str(directory)], env=environment, check=True)

    assert [str(path.relative_to(home)) for path in home.rglob("*")] == [".kube", ".kube/config"]
    assert (home / ".kube/config").read_text() == "not even yaml: ["


def test_who_brings_no_certificate_is_refused(cluster: EmbeddedCluster) -> None:
    ports = json.loads((cluster.directory / "ports.json").read_text())
    api = f"https://127.0.0.1:{ports['kube-apiserver']}/api/v1/secrets"
    store = f"https://127.0.0.1:{ports['etcd']}/version"

    assert ask(api, cluster, "ca", "admin") == "OK"
    assert ask(api, cluster, "ca", None) == "401"
    assert ask(api, cluster, "ca", "kube-scheduler") == "403"
    assert ask(store, cluster, "etcd-ca", "etcd-client") == "OK"
    assert ask(store, cluster, "etcd-ca", None) == "refused"
    assert ask(store, cluster, "etcd-ca", "admin") == "refused"


def test_a_secret_is_not_in_clear_in_the_store(cluster: EmbeddedCluster) -> None:
    planted, open_value = secrets.token_hex(16), secrets.token_hex(16)
    cluster.kubectl("create", "secret", "generic", "planted", "--namespace", "default", f"--from-literal=k={planted}")
    cluster.kubectl("create", "configmap", "open", "--namespace", "default", f"--from-literal=k={open_value}")
    stored = b"".join(path.read_bytes() for path in (cluster.directory / "data").rglob("*") if path.is_file())

    assert open_value.encode() in stored  # so the search does look where objects are
    assert planted.encode() not in stored


def test_pod_security_is_enforced(cluster: EmbeddedCluster) -> None:
    manifest = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": "strict", "labels": {"pod-security.kubernetes.io/enforce": "restricted"}},
    }
    cluster.kubectl("apply", "--filename", "-", stdin=json.dumps(manifest))
    answer = cluster.kubectl("run", "bare", "--image=x", "--namespace", "strict", "--dry-run=server", check=False)
    cluster.kubectl("delete", "namespace", "strict")

    assert answer.returncode == 1
    assert 'violates PodSecurity "restricted:latest"' in answer.stderr


def test_down_keeps_the_data_and_wipe_removes_it(directory: Path) -> None:
    embedded = EmbeddedCluster(directory)
    embedded.up()
    embedded.kubectl("create", "configmap", "kept", "--namespace", "default")
    running = pids(directory)

    assert embedded.command("down").returncode == 0
    assert not [pid for pid in running.values() if alive(pid)]
    assert "not running" in embedded.command("down").stdout

    embedded.up()
    embedded.kubectl("get", "configmap", "kept", "--namespace", "default")
    embedded.wipe()
    assert not directory.exists()
    assert "nothing to wipe" in embedded.command("wipe").stdout


def test_a_folder_that_is_no_clusters_is_not_wiped(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    answer = EmbeddedCluster(tmp_path).command("wipe")

    assert answer.returncode == 1
    assert "does not look like a cluster's directory" in answer.stderr
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_a_part_that_dies_at_once_is_reported_with_its_last_words(directory: Path) -> None:
    directory.mkdir()
    (directory / "data").write_text("a file where etcd wants a folder")
    answer = EmbeddedCluster(directory).command("up")

    assert answer.returncode == 1
    assert "etcd ended. The end of" in answer.stderr
    assert "not a directory" in answer.stderr
    assert pids(directory) == {}


def test_a_port_that_someone_took_meanwhile_is_given_up(directory: Path) -> None:
    embedded = EmbeddedCluster(directory)
    embedded.up()
    embedded.command("down")
    before = json.loads((directory / "ports.json").read_text())
    with socket.socket() as taken:
        # As a server does: connections of before may still be closing.
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", before["kube-apiserver"]))
        taken.listen()
        embedded.up()
        after = json.loads((directory / "ports.json").read_text())
        embedded.kubectl("get", "namespaces")

    assert {name for name in after if after[name] != before[name]} == {"kube-apiserver"}


def test_a_port_that_someone_takes_between_its_draw_and_its_use_is_drawn_again(directory: Path) -> None:
    script = (
        "import sys; sys.path.insert(0, sys.argv[1]); from tools import cluster; draw = cluster.draw_port;"
        "given = iter([int(sys.argv[2])]); cluster.draw_port = lambda taken: next(given, None) or draw(taken);"
        "sys.exit(cluster.main(['up', '--directory', sys.argv[3]]))"
    )
    with socket.create_server(("127.0.0.1", 0)) as taken:
        arguments = [str(ROOT), str(taken.getsockname()[1]), str(directory)]
        answer = subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=False)

    assert answer.returncode == 0, answer.stderr
    assert set(pids(directory)) == set(NAMES)
    assert EmbeddedCluster(directory).command("status").returncode == 0


def test_two_at_once_make_one_cluster(directory: Path) -> None:
    embedded = EmbeddedCluster(directory)
    with ThreadPoolExecutor() as pool:
        answers = list(pool.map(lambda _: embedded.command("up"), range(2)))

    assert [answer.returncode for answer in answers] == [0, 0]
    assert sorted("already running" in answer.stdout for answer in answers) == [False, True]
    assert set(pids(directory)) == set(NAMES)


def test_an_interrupted_up_goes_on_where_it_was(directory: Path) -> None:
    script = [sys.executable, str(ROOT / "tools/cluster.py"), "up", "--directory", str(directory)]
    first = subprocess.Popen(script, stdout=subprocess.PIPE, text=True)
    assert first.stdout is not None
    assert "etcd ready" in first.stdout.readline()
    wait_until(lambda: "kube-apiserver" in pids(directory))
    started = pids(directory)
    first.kill()
    first.wait()

    embedded = EmbeddedCluster(directory)
    embedded.up()
    assert pids(directory).items() >= started.items()
    assert embedded.command("status").returncode == 0
