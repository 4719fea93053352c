"""A cluster of a test's own, as a person starts one with tools/cluster.py."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.machine import require_linux
from tests.support.repository import ROOT, tool_path
from tools.kubectl import kubectl_cache

SYSTEM_NAMESPACES = {"default", "kube-node-lease", "kube-public", "kube-system"}
CLUSTER_WIDE = "namespaces,customresourcedefinitions,clusterroles,clusterrolebindings,persistentvolumes"


class EmbeddedCluster:
    """A control plane in ``directory``, with a node if wanted, driven by tools/cluster.py as a person would."""

    def __init__(self, directory: Path, context: str = "atlas-local", *, node: bool = False) -> None:
        self.directory = directory
        self.context = context
        self.node = node

    @property
    def kubeconfig(self) -> Path:
        return self.directory / "kubeconfig"

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run tools/cluster.py on this cluster."""
        require_linux()
        script = [sys.executable, str(ROOT / "tools/cluster.py"), *arguments, "--directory", str(self.directory)]
        return subprocess.run(script, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)

    def up(self) -> None:
        answer = self.command("up", "--context", self.context, *(["--node"] if self.node else []))
        assert answer.returncode == 0, answer.stdout + answer.stderr

    def wipe(self) -> None:
        answer = self.command("wipe")
        assert answer.returncode == 0, answer.stdout + answer.stderr

    @contextmanager
    def running(self) -> Iterator["EmbeddedCluster"]:
        """Up for the block and wiped after it, also when the test run is told to end."""
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            self.up()
            yield self
        finally:
            self.wipe()

    def kubeconfig_as(self, context: str) -> Path:
        """A kubeconfig file of this cluster under another context name, as if it were an existing dev or prod cluster."""
        answer = self.command("kubeconfig", "--context", context)
        assert answer.returncode == 0, answer.stderr
        path = self.directory / f"kubeconfig-{context}"
        path.touch(mode=0o600)
        path.write_text(answer.stdout)
        return path

    def kubectl(self, *arguments: str, check: bool = True, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run kubectl as the cluster's administrator."""
        command = ["kubectl", "--kubeconfig", str(self.kubeconfig), "--context", self.context, *arguments]
        cache = kubectl_cache(self.directory)
        environment = {**os.environ, "PATH": tool_path(), "KUBECTL_KUBERC": "false", **cache}
        answer = subprocess.run(command, capture_output=True, text=True, input=stdin, env=environment, check=False)
        if check:
            assert answer.returncode == 0, f"{' '.join(command)}\n{answer.stdout}{answer.stderr}"
        return answer

    def objects(self, kind: str, *arguments: str) -> list[dict[str, Any]]:
        """The objects of a kind (or several, with commas) in all namespaces."""
        answer = self.kubectl("get", kind, "--all-namespaces", "--output", "json", *arguments)
        return json.loads(answer.stdout)["items"]

    def clean(self) -> None:
        """Delete every namespace and cluster-wide object that Kubernetes itself did not make, and wait until they are gone."""
        leftovers = [
            f"{each['kind']}/{each['metadata']['name']}"
            for each in self.objects(CLUSTER_WIDE)
            if "kubernetes.io/bootstrapping" not in each["metadata"].get("labels", {})
            and (each["kind"] != "Namespace" or each["metadata"]["name"] not in SYSTEM_NAMESPACES)
        ]
        if leftovers:
            self.kubectl("delete", "--ignore-not-found", "--timeout=120s", *leftovers)
