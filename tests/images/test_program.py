"""The real program: what it builds is what its pods run, in a real cluster."""

import json
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from components.platform_services import SERVICES
from image_build.collector import COLLECTOR
from tests.support.embedded_cluster import EmbeddedCluster
from tests.support.repository import ROOT, copy_program
from tests.support.workspace import Workspace
from tools.docker import Engine

pytestmark = pytest.mark.slow


@pytest.fixture
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedCluster]:
    with EmbeddedCluster(tmp_path_factory.mktemp("cluster")).running() as embedded:
        yield embedded


@pytest.fixture
def stack(engine: Engine, bases: dict[str, str], cluster: EmbeddedCluster, tmp_path: Path) -> Workspace:
    """The local stack, which names all images of the platform but the backtester's."""
    program = copy_program(tmp_path / "atlas")
    shutil.rmtree(program / "services", ignore_errors=True)
    shutil.copytree(ROOT / "services/backtester", program / "services/backtester")
    # No other stack builds these same files: two of one content would share the image's name in the engine.
    with (program / "services/backtester/backtester/run.py").open("a") as source:
        source.write(f"# {secrets.token_hex(8)}\n")
    file = program / "Pulumi.local.yaml"
    whole = yaml.safe_load(file.read_text())
    whole["config"]["atlas:images"] = {
        name: f"atlas/{name}:local" for name in (*SERVICES, COLLECTOR) if name != "backtester"
    }
    whole["config"]["atlas:build"] = {"enabled": True, "bases": bases}
    file.write_text(yaml.safe_dump(whole))
    access = {"KUBECONFIG": str(cluster.kubeconfig), "DOCKER_HOST": engine.host}
    return Workspace(program, tmp_path / "private", stack="local", environment=access).init()


def test_pods_run_the_image_that_was_built(engine: Engine, cluster: EmbeddedCluster, stack: Workspace) -> None:
    stack.up()
    try:
        (built,) = [each["outputs"] for each in stack.resources() if each["type"] == "docker-build:index:Image"]
        assert json.loads(engine.run("image", "inspect", built["ref"]))[0]["Id"] == built["digest"]
        assert _images(cluster) == {"api": "atlas/api:local", "backtester": built["ref"]}
        source = stack.folder / "services/backtester/backtester/run.py"
        source.write_text(source.read_text() + "# changed\n")
        assert stack.up().changes == {"update": 2}
        after = _images(cluster)["backtester"]
        assert after != built["ref"]
        assert engine.has_image(after)
        assert not engine.has_image(built["ref"])
    finally:
        stack.destroy()


def _images(cluster: EmbeddedCluster) -> dict[str, str]:
    pods = {
        "api": cluster.objects("deployments", "--selector=app.kubernetes.io/name=api")[0]["spec"]["template"]["spec"],
        "backtester": cluster.objects("cronjobs")[0]["spec"]["jobTemplate"]["spec"]["template"]["spec"],
    }
    return {name: pod["containers"][0]["image"] for name, pod in pods.items()}
