"""The Prometheus Operator's custom resource definitions, as ``tools/operator-crds`` pins them, for an API server."""

from pathlib import Path

from tests.support.embedded_cluster import EmbeddedCluster
from tests.support.repository import ROOT

GROUP = "monitoring.coreos.com"


def operator_crds() -> Path:
    """The folder of the definitions, one a file."""
    folder = (ROOT / ".local/share/operator-crds").resolve()  # kubectl does not follow a link
    assert folder.is_dir(), f"{folder} is missing: run `python3 tools/setup.py checks`"
    return folder


def install_operator_crds(cluster: EmbeddedCluster) -> None:
    """Make the API server take, and judge, the operator's objects."""
    cluster.kubectl("apply", "--server-side", "--filename", str(operator_crds()))
    cluster.kubectl("wait", "--for=condition=Established", "--timeout=60s", "customresourcedefinition", "--all")


def operator_kinds(cluster: EmbeddedCluster) -> set[tuple[str, str, str]]:
    """(group, version, kind) of every object that the API server takes for the operator."""
    specs = [definition["spec"] for definition in cluster.objects("customresourcedefinitions")]
    return {
        (GROUP, version["name"], spec["names"]["kind"])
        for spec in specs
        for version in spec["versions"]
        if spec["group"] == GROUP and version["served"]
    }
