"""Tags in production: each is deployed by the digest that it has in its registry. Elsewhere no registry is asked."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from catalog.images import DOCKER_HUB, IMAGES, registry_of
from components.image_digests import ImageDigestError, registry_accounts, tagged_images
from components.platform_services import SERVICES
from settings.loader import read_settings
from tests.support import required_inputs
from tests.support.image_registry import docker_config
from tests.support.repository import ROOT
from tests.support.synthesis import (
    ABSENT,
    SECRET,
    Program,
    declare,
    digest_of,
    main_program,
    stack_configuration,
    synthesise,
)
from tests.unit.configurations import configuration

COLLECTOR_IMAGE = required_inputs.images()["otel-collector"]
TEMPLATE = "registry.example.com/trading/{service}:1.2.3"
DIGEST = "@sha256:" + "0a" * 32


@pytest.fixture(autouse=True)
def no_account_of_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home without credentials of registries."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("DOCKER_CONFIG", raising=False)
    return tmp_path


def production(
    images: Mapping[str, str], template: str | None = None, secrets: Mapping[str, str] | None = None
) -> Program:
    """The program on the real file of production, with these images."""
    platform = json.loads(stack_configuration("prod")["atlas:platform"])
    changes = {"atlas:images": json.dumps({"otel-collector": COLLECTOR_IMAGE, **images})}
    if template:
        changes["atlas:platform"] = json.dumps(platform | {"imageTemplate": template})
    return synthesise("prod", changes, secrets)


# A configuration runs once a process: tests that change the machine name a version of their own.


def deployed(program: Program) -> dict[str, set[str]]:
    """The images of each workload."""
    found: dict[str, set[str]] = {}
    for workload, pod in [*program.pods(), *program.job_pods()]:
        found.setdefault(workload.name, set()).update(each["image"] for each in pod["containers"])
    return found


def pinned(reference: str) -> str:
    return f"{reference}@{digest_of(reference)}"


def test_each_service_of_production_gets_the_digest_of_its_tag() -> None:
    program = production({}, TEMPLATE)
    tags = {name: TEMPLATE.format(service=name) for name in SERVICES}
    assert sorted(program.lookups) == sorted(tags.values())
    images = deployed(program)
    assert {name: images[name] for name in SERVICES} == {name: {pinned(tag)} for name, tag in tags.items()}
    assert program.exports["imageDigests"] == {name: pinned(tag) for name, tag in tags.items()}


def test_what_has_a_digest_is_not_looked_up() -> None:
    loki, mirrored = "mirror.example.com/loki:3.9", "mirror.example.com/grafana:13" + DIGEST
    program = production({"loki": loki, "grafana": mirrored, "api": "registry.example.com/api" + DIGEST}, TEMPLATE)
    assert set(program.lookups) == {loki, *(TEMPLATE.format(service=name) for name in SERVICES if name != "api")}
    images = deployed(program)
    assert images["loki"] == {pinned(loki)}
    assert images["grafana"] == {mirrored}
    assert images["prometheus"] == {IMAGES["prometheus"]}
    assert "grafana" not in program.exports["imageDigests"]


def test_an_image_of_two_workloads_has_one_digest() -> None:
    tag = "registry.example.com/otelcol:0.160.0"
    program = production({"otel-collector": tag}, TEMPLATE)
    assert program.lookups.count(tag) == 1
    images = deployed(program)
    assert images["otel-collector"] == images["node-agent"] == {pinned(tag)}


def test_what_is_not_deployed_is_not_looked_up() -> None:
    """Production sends its traces to a store of its own, so no Jaeger runs."""
    assert "mirror.example.com/jaeger:2" not in production({"jaeger": "mirror.example.com/jaeger:2"}, TEMPLATE).lookups


@pytest.mark.parametrize("stack", ["local", "dev"])
def test_outside_production_no_registry_is_asked_and_tags_are_deployed(stack: str) -> None:
    images = {"loki": "mirror.example.com/loki:3.9", "otel-collector": "mirror.example.com/otelcol:0.160.0"}
    program = synthesise(stack, {"atlas:images": json.dumps(images)})
    assert program.lookups == []
    assert [each for each in program.resources if each.type == "pulumi:providers:docker"] == []
    assert "imageDigests" not in program.exports
    images = deployed(program)
    assert images["loki"] == {"mirror.example.com/loki:3.9"}
    assert all("@" not in image for image in images["api"])


def test_production_by_digest_asks_no_registry() -> None:
    program = synthesise("prod")
    assert program.lookups == []
    assert [each for each in program.resources if each.type == "pulumi:providers:docker"] == []
    assert "imageDigests" not in program.exports


def test_what_is_built_here_is_not_looked_up() -> None:
    images = {"api": "registry.example.com/api:1", "otel-collector": "registry.example.com/otelcol:1"}
    settings = read_settings(configuration("prod", platform={"imageTemplate": TEMPLATE}, images=json.dumps(images)))
    everything = tagged_images(settings, [])
    assert everything == {name: TEMPLATE.format(service=name) for name in SERVICES} | images
    assert tagged_images(settings, ["workers"]) == {
        name: reference for name, reference in everything.items() if name != "workers"
    }


def test_all_missing_images_are_told_at_once_before_anything_is_declared() -> None:
    caught: list[str] = []

    def program() -> None:
        try:
            main_program()
        except ImageDigestError as refused:
            caught.append(str(refused))

    secret = dict(required_inputs.secret_settings("prod"))
    images = required_inputs.images() | {"api": f"{ABSENT}api:1", "loki": f"{ABSENT}loki:2", "grafana": "a/grafana:1"}
    configuration = stack_configuration("prod") | secret | {"atlas:images": json.dumps(images)}
    recorded = declare(program, "prod", configuration, list(secret))
    assert [each.type for each in recorded.resources] == ["pulumi:providers:docker"]
    (told,) = caught
    assert told.startswith("2 image(s) have no digest to deploy:\n")
    for name, tag in (("api", "api:1"), ("loki", "loki:2")):
        assert f"  {name}: {ABSENT}{tag}: " in told
    assert told.count("the registry has no such image") == 2
    assert "registryDockerConfig" in told


def provider_inputs(program: Program) -> dict[str, Any]:
    (provider,) = [each for each in program.resources if each.type == "pulumi:providers:docker"]
    return provider.inputs


def test_credentials_of_the_stack_are_a_secret_of_the_provider() -> None:
    config = docker_config({"registry.example.com": "someone:something-secret"})
    program = production({}, TEMPLATE, {"atlas:registryDockerConfig": config})
    assert provider_inputs(program)["registryAuth"] == SECRET
    assert "something-secret" not in json.dumps([each.inputs for each in program.resources])
    assert "something-secret" not in json.dumps(program.exports)


def test_the_users_own_credentials_stay_out_of_the_state(no_account_of_this_machine: Path) -> None:
    assert "registryAuth" not in provider_inputs(production({"loki": "mirror.example.com/loki:3.10"}, TEMPLATE))
    folder = no_account_of_this_machine / ".docker"
    folder.mkdir()
    (folder / "config.json").write_text(docker_config({"registry.example.com": "someone:something-secret"}))
    inputs = provider_inputs(production({"loki": "mirror.example.com/loki:3.11"}, TEMPLATE))
    asked = ["mirror.example.com", "registry.example.com"]
    assert json.loads(inputs["registryAuth"]) == [{"address": each} for each in asked]
    assert "something-secret" not in json.dumps(inputs)


def test_the_state_is_the_same_from_every_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where this machine's Docker engine is, which nothing here asks, is no part of it."""
    before = provider_inputs(production({"loki": "mirror.example.com/loki:3.12"}, TEMPLATE))
    monkeypatch.setenv("DOCKER_HOST", "unix:///elsewhere.sock")
    assert provider_inputs(production({"loki": "mirror.example.com/loki:3.13"}, TEMPLATE)) == before


def test_of_all_accounts_those_of_the_asked_registries_are_used() -> None:
    config = docker_config(
        {
            "https://registry.example.com/v2/": "one:first:with colon",
            "other.example.com": "two:second",
            "https://index.docker.io/v1/": "three:third",
        }
    )
    assert registry_accounts(config, ["registry.example.com", DOCKER_HUB, "open.example.com"]) == [
        {"address": DOCKER_HUB, "username": "three", "password": "third"},
        {"address": "registry.example.com", "username": "one", "password": "first:with colon"},
    ]


@pytest.mark.parametrize(
    ("reference", "registry"),
    [
        ("registry.example.com/team/tool:1.2", "registry.example.com"),
        ("localhost:5000/tool:1", "localhost:5000"),
        ("localhost/tool:1", "localhost"),
        ("grafana/loki:3.7", DOCKER_HUB),
        ("redis:7", DOCKER_HUB),
    ],
)
def test_the_registry_of_a_reference(reference: str, registry: str) -> None:
    assert registry_of(reference) == registry


def test_a_start_that_looks_up_nothing_does_not_import_the_package() -> None:
    program = "import sys, components.image_digests; sys.exit('pulumi_docker' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, env={"PATH": os.environ["PATH"]}, check=True)
