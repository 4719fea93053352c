"""Asks the API server of the named context, before any resource exists.

The Kubernetes provider itself goes on without one: a preview then compares with the state alone and looks as good as any other.
kubectl is asked because it reads kubeconfigs and logs in just as the provider does.
"""

import json
import shutil
import subprocess
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pulumi

from settings.model import Settings

SECONDS = 10
"""How long an API server may take to answer."""


class ClusterAccessError(pulumi.RunError):
    """The API server cannot be asked; the message is one sentence, and how to fix it. Pulumi prints it without a traceback."""


@dataclass(frozen=True, kw_only=True)
class DryRun:
    """Whether a preview's changes are shown to the API server. ``refused_in`` are the namespaces in which it may not be asked."""

    context: str
    refused_in: Sequence[str]

    def __str__(self) -> str:
        if not self.refused_in:
            return f"The API server of {self.context} checks the objects of this preview by a dry run."
        return (
            f"The API server of {self.context} has not seen the objects of this preview: you may not patch in "
            f"{', '.join(self.refused_in)}, so the changes are Pulumi's own reckoning."
        )


def check_cluster(settings: Settings) -> None:
    """Refuse to go on without the stack's API server; in a preview, tell whether it sees the objects.

    Raises:
        ClusterAccessError: it does not answer, or does not take the credentials.
    """
    context, names = settings.cluster.context, settings.namespaces
    require_api_server(context)
    if not pulumi.runtime.is_dry_run():
        return
    dry_run = ask_for_dry_run(context, (names.observability, names.trading))
    tell = pulumi.log.warn if dry_run.refused_in else pulumi.log.info
    tell(str(dry_run))


def require_api_server(context: str) -> None:
    """Make sure that the API server of this context answers and takes the credentials.

    Raises:
        ClusterAccessError: it does not, or kubectl is missing.
    """
    if shutil.which("kubectl") is None:
        raise ClusterAccessError("kubectl is not on PATH, so nobody can ask the cluster; install kubectl")
    answer = _kubectl(context, "get", "--raw", "/api")
    if answer.returncode == 0:
        return
    said = " ".join((answer.stderr.strip() or "it says nothing").split())
    if "does not exist" in said and "context" in said:
        raise ClusterAccessError(
            f"the kubeconfig has no context {context!r} (atlas:cluster.context); set KUBECONFIG to the file that has it"
        )
    raise ClusterAccessError(
        f"the API server of the context {context!r} (atlas:cluster.context) cannot be used: {said}; "
        "start the cluster, log in again, or set KUBECONFIG"
    )


def ask_for_dry_run(context: str, namespaces: Collection[str]) -> DryRun:
    """Whether these credentials may ask for a dry run of a change: it takes the right to patch."""

    def may_patch(namespace: str) -> bool:
        wanted = {"namespace": namespace, "verb": "patch", "group": "apps", "resource": "deployments"}
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": wanted},
        }
        # Asked by its path, since `kubectl auth can-i` first reads all that the API server offers.
        path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
        answer = _kubectl(context, "create", "--raw", path, "--filename=-", stdin=json.dumps(review))
        return answer.returncode == 0 and bool(json.loads(answer.stdout)["status"]["allowed"])

    with ThreadPoolExecutor() as pool:
        allowed = dict(zip(namespaces, pool.map(may_patch, namespaces), strict=True))
    return DryRun(context=context, refused_in=[namespace for namespace, may in allowed.items() if not may])


def _kubectl(context: str, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    command = ["kubectl", f"--context={context}", f"--request-timeout={SECONDS}s", *arguments]
    return subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
