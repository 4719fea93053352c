"""How the stand-ins start and end: access to a cluster by each kind of kubeconfig, and a program's end as Python's own."""

import base64
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.embedded_cluster import EmbeddedCluster
from tests.support.repository import ROOT

REACH = """
import json, sys
sys.path.insert(0, sys.argv[1])
from offline.kubernetes.cluster import ApiError, Cluster
from offline.kubernetes.settings import Settings
from offline.provider import Refused
cluster = None
try:
    cluster = Cluster(Settings(kubeconfig=sys.argv[2]))
    found = cluster.request("GET", "/apis/authentication.k8s.io/v1")["kind"]
except (ApiError, Refused) as refusal:
    found = f"{type(refusal).__name__}: {refusal}"
finally:
    if cluster: cluster.close()
print(json.dumps({"found": found, "client": "kubernetes.client" in sys.modules}))
"""


def reach(kubeconfig: Path, **environment: str) -> tuple[str, bool]:
    """What an API call with this kubeconfig finds, and whether the official client was needed for it."""
    answer = subprocess.run(
        [sys.executable, "-P", "-c", REACH, str(ROOT), str(kubeconfig)],
        env={"PATH": "/usr/bin:/bin", **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    said = json.loads(answer.stdout)
    return said["found"], said["client"]


@pytest.fixture
def content(cluster: EmbeddedCluster) -> dict[str, Any]:
    return yaml.safe_load(cluster.kubeconfig.read_text())


def written(folder: Path, content: dict[str, Any]) -> Path:
    path = folder / "kubeconfig"
    path.write_text(yaml.safe_dump(content))
    return path


def test_a_certificate_in_the_kubeconfig_or_beside_it_needs_no_client(content: dict[str, Any], tmp_path: Path) -> None:
    assert reach(written(tmp_path, content)) == ("APIResourceList", False)

    user, server = content["users"][0]["user"], content["clusters"][0]["cluster"]
    for entry, key in ((user, "client-certificate"), (user, "client-key"), (server, "certificate-authority")):
        (tmp_path / key).write_bytes(base64.b64decode(entry.pop(f"{key}-data")))
        entry[key] = key  # relative to the kubeconfig
    assert reach(written(tmp_path, content)) == ("APIResourceList", False)


def test_a_token_in_the_kubeconfig_is_sent(cluster: EmbeddedCluster, content: dict[str, Any], tmp_path: Path) -> None:
    token = cluster.kubectl("create", "token", "default", "--namespace", "default").stdout.strip()
    content["users"][0]["user"] = {"token": token}
    assert reach(written(tmp_path, content)) == ("APIResourceList", False)
    content["users"][0]["user"] = {"token": "no" + token}
    assert reach(written(tmp_path, content)) == ("ApiError: Unauthorized", False)


def test_a_program_that_logs_in_is_run_by_the_official_client(content: dict[str, Any], tmp_path: Path) -> None:
    user = content["users"][0]["user"]
    keys = {"client-certificate-data": "clientCertificateData", "client-key-data": "clientKeyData"}
    status = {new: base64.b64decode(user[old]).decode() for old, new in keys.items()}
    credential = {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": status}
    (tmp_path / "credential").write_text(json.dumps(credential))
    content["users"][0]["user"] = {
        "exec": {
            "apiVersion": "client.authentication.k8s.io/v1",
            "command": "cat",
            "args": [str(tmp_path / "credential")],
            "interactiveMode": "Never",
        }
    }
    assert reach(written(tmp_path, content)) == ("APIResourceList", True)


def test_a_proxy_between_is_left_to_the_official_client(content: dict[str, Any], tmp_path: Path) -> None:
    path = written(tmp_path, content)
    found, client = reach(path, HTTPS_PROXY="http://127.0.0.1:9")
    assert client
    assert "cannot be reached" in found, "nobody listens there"
    assert reach(path, HTTPS_PROXY="http://127.0.0.1:9", NO_PROXY="127.0.0.1") == ("APIResourceList", False)


def test_a_server_that_another_authority_vouches_for_is_not_trusted(content: dict[str, Any], tmp_path: Path) -> None:
    user = content["users"][0]["user"]
    content["clusters"][0]["cluster"]["certificate-authority-data"] = user["client-certificate-data"]
    found, _ = reach(written(tmp_path, content))
    assert found.startswith("Refused: ")
    assert "unable to get local issuer certificate" in found


@pytest.mark.parametrize(
    ("mutate", "words"),
    [
        (lambda content: content["clusters"][0]["cluster"].update({"certificate-authority-data": "?"}), "base64"),
        (lambda content: content["users"][0]["user"].pop("client-key-data"), "the Kubernetes API server at "),
        (lambda content: content.update(clusters=[]), "the kubeconfig cannot be used: "),
        (lambda content: content["clusters"][0]["cluster"].pop("server"), "cannot be"),
    ],
)
def test_a_kubeconfig_that_cannot_be_used_is_one_sentence(
    mutate: Any, words: str, content: dict[str, Any], tmp_path: Path
) -> None:
    mutate(content)
    found, _ = reach(written(tmp_path, content))
    assert found.startswith("Refused: ")
    assert words in found
    assert "\n" not in found


EXECUTORS = {
    "it ends": ("print('said', end='')", 0),
    "it exits with a code": ("import sys; print('said', end=''); sys.exit(32)", 32),
    "it exits without one": ("import sys; print('said', end=''); sys.exit()", 0),
    "it exits with words": ("import sys; print('said', end=''); sys.exit('words')", 1),
    "it raises": ("print('said', end=''); raise RuntimeError('words')", 1),
    "it registers an end": ("import atexit; atexit.register(print, 'said', end='')", 0),
    "it leaves a thread": (
        "import threading, time\n"
        "def late():\n    time.sleep(0.3); print('said', end='')\n"
        "threading.Thread(target=late).start()",
        0,
    ),
    "it is the main module": ("import __main__, sys; print('said' if __name__ == '__main__' else '', end='')", 0),
    "it has its own path": (
        "import sys, os; print('said' if sys.path[0] == os.path.dirname(__file__) else sys.path, end='')",
        0,
    ),
    "it gets its arguments": (
        "import sys; print('said' if sys.argv == [__file__, '--a', 'b'] else sys.argv, end='')",
        0,
    ),
}


@pytest.mark.parametrize("case", EXECUTORS)
def test_a_program_runs_and_ends_as_under_the_interpreter_itself(case: str, tmp_path: Path) -> None:
    text, code = EXECUTORS[case]
    executor = tmp_path / "executor"
    executor.write_text(text)

    def run(*command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, *command, "--a", "b"], capture_output=True, text=True, check=False)

    plain, ours = run(str(executor)), run(str(ROOT / "offline/program.py"), str(executor))
    assert (ours.returncode, ours.stdout) == (code, "said")
    assert (ours.returncode, ours.stdout) == (plain.returncode, plain.stdout)
    assert ("words" in ours.stderr) == ("words" in plain.stderr)
