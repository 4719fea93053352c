"""Tags in production under the real engine, against a real registry: what a preview tells, what an update deploys and records.

The whole program is tried once. Otherwise it is the part of it that names images, with something beside it that changes with each
image as a workload does.
"""

import json
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.platform_services import SERVICES
from image_build.collector import COLLECTOR
from tests.engine.test_refusals import plain
from tests.support import required_inputs
from tests.support.embedded_cluster import SYSTEM_NAMESPACES, EmbeddedCluster
from tests.support.image_registry import ImageRegistry, docker_config
from tests.support.repository import ROOT
from tests.support.workspace import STATE_AT_THE_END, Workspace

PROGRAM = """
from pathlib import Path

import pulumi
import pulumi_random as random

from components.image_builds import build_images
from components.image_digests import resolve_tags
from settings.loader import configured_secrets, read_settings

settings, configured = read_settings(), configured_secrets()
digests = resolve_tags(settings, [], configured.get("registryDockerConfig"))
images = build_images(settings, [], Path.cwd(), digests)
for name in ("loki", "prometheus"):
    random.RandomId(name, byte_length=4, keepers={"image": images[name]})
pulumi.export("imageDigests", digests)
"""
CONFIGURATION: Mapping[str, Any] = {
    "atlas:cluster": {"context": "atlas-prod", "apiServer": "10.0.0.1/32"},
    "atlas:grafana": {"url": "https://grafana.example.com"},
    "atlas:loki": {"replicas": 3, "objectStorage": {"endpoint": "s3.example.com", "bucket": "atlas-logs"}},
    "atlas:limits": dict.fromkeys(
        ("dailyMaxLoss", "maxExposure", "maxOpenOrders", "maxOrderNotional", "maxOrdersPerMinute"), 10
    ),
}
SECRETS = {
    "atlas:alertWebhookUrl": f"https://alerts.example.com/{secrets.token_hex(8)}",
    "atlas:deadMansSwitchUrl": f"https://heartbeat.example.com/{secrets.token_hex(8)}",
}

NewStack = Callable[..., Workspace]


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ImageRegistry]:
    """A registry that is open to everybody."""
    with ImageRegistry(tmp_path_factory.mktemp("registry")).running() as started:
        yield started


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ImageRegistry]:
    """A registry with one account."""
    account = f"someone:{secrets.token_hex(12)}"
    with ImageRegistry(tmp_path_factory.mktemp("registry"), account).running() as started:
        yield started


@pytest.fixture
def new_stack(tmp_path: Path) -> NewStack:
    """``new_stack(reference)`` makes a stack of production that runs this image as loki."""

    def make(reference: str, **more: str) -> Workspace:
        folder, own = tmp_path / "program", tmp_path / "docker"
        folder.mkdir()
        own.mkdir()
        (folder / ".venv").symlink_to(ROOT / ".venv")
        shutil.copy(ROOT / "uv.lock", folder)
        (folder / "__main__.py").write_text(PROGRAM)
        (folder / "Pulumi.yaml").write_text(
            "name: atlas\nruntime:\n  name: python\n  options:\n    toolchain: uv\n    virtualenv: .venv\n"
        )
        images = {"loki": reference, COLLECTOR: required_inputs.images()[COLLECTOR]}
        configuration = {**CONFIGURATION, "atlas:images": images}
        (folder / "Pulumi.prod.yaml").write_text(yaml.safe_dump({"config": configuration}))
        environment = {"PYTHONPATH": str(ROOT), "DOCKER_CONFIG": str(own)}
        stack = Workspace(folder, tmp_path / "stack", stack="prod", environment=environment).init()
        values = [f"{key}={value}" for key, value in {**SECRETS, **more}.items()]
        stack.run("config", "set-all", *(word for value in values for word in ("--secret", value)))
        return stack

    return make


def deployed(stack: Workspace) -> str:
    """The image of the workload, as the state has it."""
    (loki,) = [each for each in stack.resources() if each["urn"].endswith("::loki")]
    return loki["inputs"]["keepers"]["image"]


def written(stack: Workspace) -> str:
    """All that is kept of the stack."""
    return "".join(path.read_text(errors="replace") for path in stack.state.rglob("*") if path.is_file())


def test_an_update_deploys_and_records_the_digest_and_a_moved_tag_is_a_difference(
    registry: ImageRegistry, new_stack: NewStack
) -> None:
    reference = f"{registry.host}/team/loki:1.2.3"
    first = f"{reference}@{registry.push('team/loki:1.2.3', 'first')}"
    stack = new_stack(reference)
    assert first in stack.run("preview", "--diff").stdout
    stack.up()
    assert deployed(stack) == first
    assert stack.outputs()["imageDigests"] == {"loki": first}
    assert stack.up().changes == {}

    second = f"{reference}@{registry.push('team/loki:1.2.3', 'second', index=True)}"
    preview = stack.run("preview", "--diff").stdout
    (line,) = [line for line in preview.splitlines() if "image:" in line and first in line and second in line]
    assert line.index(first) < line.index(second)
    assert "1 to replace" in preview
    assert deployed(stack) == first, "a preview changes nothing"
    assert stack.up().changes == {"replace": 1}
    assert deployed(stack) == second
    assert stack.outputs()["imageDigests"] == {"loki": second}


def test_a_missing_image_is_told_by_the_preview_and_stops_an_update_before_it_makes_anything(
    registry: ImageRegistry, new_stack: NewStack
) -> None:
    stack = new_stack(f"{registry.host}/team/loki:9.9")
    told = f"loki: {registry.host}/team/loki:9.9: the registry {registry.host} has no image team/loki:9.9 (HTTP 404)"
    plain(stack.run("preview", check=False), "1 image(s) have no digest to deploy", told)
    plain(stack.up(check=False), told)
    assert [each["type"] for each in stack.resources() if not each["type"].startswith("pulumi:")] == []


def test_nobody_at_the_registrys_address_is_told(new_stack: NewStack, tmp_path: Path) -> None:
    nobody = ImageRegistry(tmp_path)
    told = f"the registry {nobody.host} does not answer"
    plain(new_stack(f"{nobody.host}/loki:1").run("preview", check=False), told)


def test_credentials_of_the_stack_open_a_registry_and_are_nowhere_in_clear(
    closed: ImageRegistry, new_stack: NewStack
) -> None:
    reference = f"{closed.host}/team/loki:1"
    digest = closed.push("team/loki:1", "first")
    stack = new_stack(reference, **{"atlas:registryDockerConfig": closed.docker_config()})
    preview = stack.run("preview", "--diff")
    stack.up()
    assert deployed(stack) == f"{reference}@{digest}"
    auth = json.loads(closed.docker_config())["auths"][closed.host]["auth"]
    shown = preview.output + written(stack) + (stack.folder / "Pulumi.prod.yaml").read_text()
    assert digest in shown
    for planted in (closed.account.partition(":")[2], auth):
        assert planted not in shown


def test_wrong_or_no_credentials_are_told_and_the_users_own_are_used_and_not_kept(
    closed: ImageRegistry, new_stack: NewStack
) -> None:
    reference = f"{closed.host}/team/loki:2"
    digest = closed.push("team/loki:2", "first")
    stack = new_stack(reference)
    plain(stack.run("preview", check=False), "does not show team/loki to anybody without credentials (HTTP 401)")

    own = Path(stack.environment["DOCKER_CONFIG"]) / "config.json"
    own.touch(mode=0o600)
    own.write_text(closed.docker_config())
    stack.up()
    assert deployed(stack) == f"{reference}@{digest}"
    assert closed.account.partition(":")[2] not in written(stack)

    wrong = docker_config({closed.host: "someone:else"})
    stack.run("config", "set", "--secret", "atlas:registryDockerConfig", wrong)
    plain(stack.run("preview", check=False), "does not show team/loki to the user someone (HTTP 401)")


@pytest.fixture
def production(
    program: Path, workspace: Callable[..., Workspace], clean_cluster: EmbeddedCluster, registry: ImageRegistry
) -> Workspace:
    """The real stack of production. It waits for no pods and no ingress: the embedded cluster has neither node nor controller."""
    file = program / "Pulumi.prod.yaml"
    document = yaml.safe_load(file.read_text())
    del document["config"]["atlas:ingress"]
    document["config"]["atlas:cluster"]["waitForReady"] = False
    document["config"]["atlas:platform"]["imageTemplate"] = f"{registry.host}/trading/{{service}}:1.2.3"
    document["config"]["atlas:images"] = {COLLECTOR: f"{registry.host}/trading/{COLLECTOR}:1.2.3"}
    file.write_text(yaml.safe_dump(document))
    access, alone = clean_cluster.kubeconfig_as("atlas-prod"), {"DOCKER_CONFIG": str(program.parent)}
    stack = workspace(program, stack="prod", kubeconfig=access, environment={**STATE_AT_THE_END, **alone})
    values = [f"{key}={value}" for key, value in required_inputs.secret_settings("prod").items()]
    stack.run("config", "set-all", *(word for value in values for word in ("--secret", value)))
    return stack


def test_production_as_it_ships_runs_the_digests_of_its_template(
    production: Workspace, registry: ImageRegistry, clean_cluster: EmbeddedCluster
) -> None:
    first, *others = sorted((*SERVICES, COLLECTOR))
    digests = {name: registry.push(f"trading/{name}:1.2.3", name) for name in others}
    plain(production.up(check=False), f"the registry {registry.host} has no image trading/{first}:1.2.3 (HTTP 404)")
    assert {each["metadata"]["name"] for each in clean_cluster.objects("namespaces")} <= SYSTEM_NAMESPACES

    digests[first] = registry.push(f"trading/{first}:1.2.3", first)
    expected = {name: f"{registry.host}/trading/{name}:1.2.3@{digest}" for name, digest in digests.items()}
    production.up()
    assert production.outputs()["imageDigests"] == expected
    templates = {
        each["metadata"]["name"]: each["spec"].get("jobTemplate", each)["spec"]["template"]
        for each in clean_cluster.objects(
            "deployments,statefulsets,cronjobs", "--selector=app.kubernetes.io/part-of=atlas"
        )
    }
    running = {name: templates[name]["spec"]["containers"][0]["image"] for name in expected}
    assert running == expected
    production.destroy()
