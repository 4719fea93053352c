"""kubectl keeps its cache in a folder of the project's own, also where HOME is not set."""

import ast
import json
import os
import subprocess
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from tests.support.repository import ROOT, tool_path
from tools.kubectl import FOLDER, kubectl_cache

API = {
    "/api": {"kind": "APIVersions", "versions": ["v1"]},
    "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": []},
    "/api/v1": {
        "kind": "APIResourceList",
        "groupVersion": "v1",
        "resources": [{"name": "pods", "singularName": "pod", "namespaced": True, "kind": "Pod", "verbs": ["list"]}],
    },
    "/api/v1/namespaces/default/pods": {"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": []},
}
"""As little of an API server as ``kubectl get pods`` asks for."""


ASKS_BY_PATH = "settings/cluster_access.py"
STARTERS = {"run", "Popen", "check_call", "check_output", "system", "which"}


class _Api(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        answer = API.get(self.path.partition("?")[0])
        self.send_response(200 if answer else 404)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(answer or {"kind": "Status", "apiVersion": "v1", "code": 404}).encode())

    def log_message(self, format: str, *args: object) -> None:
        """Not into the tests' output."""


@pytest.fixture
def server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Api) as api:
        Thread(target=api.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{api.server_port}"
        api.shutdown()


PODS = ("get", "pods", "--namespace=default")


def run_kubectl(server: str, folder: Path, variables: dict[str, str], *arguments: str) -> None:
    """kubectl in that folder, by somebody without a home."""
    bare = {name: value for name, value in os.environ.items() if name not in ("HOME", "KUBECONFIG", "KUBECACHEDIR")}
    command = ["kubectl", f"--server={server}", *arguments]
    environment = {**bare, "PATH": tool_path(), **variables}
    answer = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr


def test_the_cache_is_where_it_is_said_to_be_and_nowhere_else(server: str, tmp_path: Path) -> None:
    here, private = tmp_path / "here", tmp_path / "private"
    here.mkdir()

    run_kubectl(server, here, kubectl_cache(private), *PODS)

    assert list(here.iterdir()) == []
    assert list((private / FOLDER).rglob("*.json"))


def test_without_it_a_kubectl_without_a_home_writes_into_the_folder_where_it_runs(server: str, tmp_path: Path) -> None:
    """So the variable is what keeps it out; should kubectl change, this says so."""
    run_kubectl(server, tmp_path, {}, *PODS)

    assert [each.name for each in tmp_path.iterdir()] == [".kube"]


def test_what_is_asked_by_its_path_leaves_nothing(server: str, tmp_path: Path) -> None:
    run_kubectl(server, tmp_path, {}, "get", "--raw", "/api")

    assert list(tmp_path.iterdir()) == []


def test_whatever_runs_kubectl_gives_it_the_folder() -> None:
    without = [path for path, source in sources() if runs_kubectl(source) and "kubectl_cache(" not in source]
    assert without == [ASKS_BY_PATH]


def test_a_file_that_runs_it_without_would_be_seen() -> None:
    assert runs_kubectl('run(["kubectl", "get", "pods"])')
    assert runs_kubectl('run("kubectl get pods", shell=True)')
    assert runs_kubectl('command = ["/usr/bin/kubectl", *arguments]')
    assert runs_kubectl('command = [shutil.which("kubectl", path=own), "get"]')
    assert not runs_kubectl('"""Says what `kubectl get` shows."""\nsay("kubectl diff")')


def sources() -> Iterator[tuple[str, str]]:
    """The tracked Python files but this one, each with its text."""
    command = ["git", "ls-files", "*.py"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for path in map(ROOT.joinpath, listed.splitlines()):
        if path.exists() and path != Path(__file__):
            yield str(path.relative_to(ROOT)), path.read_text()


def runs_kubectl(source: str) -> bool:
    """Whether a command of the source begins with it: a list, a shell's line, or what ``which`` finds."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.List(elts=[ast.Constant(value=str(word)), *_]) if word.rpartition("/")[2] == "kubectl":
                return True
            case ast.Call(
                func=ast.Name(id=name) | ast.Attribute(attr=name), args=[ast.Constant(value=str(word)), *_]
            ) if name in STARTERS and word.partition(" ")[0] == "kubectl":
                return True
    return False
