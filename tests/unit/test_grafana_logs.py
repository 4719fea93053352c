"""Grafana and the log store: data sources and dashboards fit the one that is deployed, and its plugin is found in the image."""

import json
from pathlib import PurePosixPath
from typing import Any

import pytest
import yaml

from components.grafana import IMAGE_PLUGINS
from tests.support.synthesis import Program, stack_configuration, synthesise

OTLP = "https://logs.example.com/otlp"
IMAGE = {"grafana": "registry.example.com/grafana:13.2.0@sha256:" + "0a" * 32}
LOGS: dict[str, dict[str, str]] = {
    "loki": {},
    "victorialogs": {"backend": "victorialogs"},
    "external": {"backend": "external", "otlpEndpoint": OTLP, "queryUrl": "https://logs.example.com"},
    "external, not asked": {"backend": "external", "otlpEndpoint": OTLP},
}


def program(name: str, *, images: bool = False, grafana: dict[str, Any] | None = None) -> Program:
    changed: dict[str, Any] = {"atlas:logs": LOGS[name]}
    changed |= {"atlas:images": {**json.loads(stack_configuration("dev")["atlas:images"]), **IMAGE}} if images else {}
    changed |= {"atlas:grafana": grafana} if grafana else {}
    return synthesise("dev", {key: json.dumps(each) for key, each in changed.items()})


def grafana(made: Program) -> dict[str, Any]:
    return next(pod for each, pod in made.pods() if each.name == "grafana")


def environment(made: Program) -> dict[str, str]:
    (container,) = grafana(made)["containers"]
    return {each["name"]: each.get("value", "") for each in container["env"]}


def data_sources(made: Program) -> dict[str, Any]:
    (text,) = (
        text
        for each in made.of_kind("ConfigMap")
        for file, text in each.inputs["data"].items()
        if "datasources" in text and "prometheusType" in text
    )
    return {each["uid"]: each for each in yaml.safe_load(text)["datasources"]}


def dashboards(made: Program) -> dict[str, Any]:
    return {
        file: json.loads(text)
        for each in made.of_kind("ConfigMap")
        if "grafana_dashboard" in each.inputs["metadata"].get("labels", {})
        for file, text in each.inputs["data"].items()
    }


def asked(made: Program) -> set[str]:
    """The data sources that the panels ask."""
    return {
        target["datasource"]["uid"]
        for dashboard in dashboards(made).values()
        for panel in dashboard["panels"]
        for target in panel.get("targets", ())
    }


@pytest.mark.parametrize(
    ("name", "store", "url"),
    [
        ("loki", "loki", "http://loki.observability.svc:3100"),
        ("victorialogs", "victorialogs", "http://victorialogs.observability.svc:9428"),
        ("external", "loki", "https://logs.example.com"),
        ("external, not asked", None, ""),
    ],
)
def test_grafana_asks_the_log_store_that_is_deployed(name: str, store: str | None, url: str) -> None:
    made = program(name)
    logs = {store} if store else set[str]()
    assert data_sources(made).keys() == {"prometheus", "jaeger"} | logs
    assert asked(made) == {"prometheus"} | logs
    assert environment(made)["LOGS_URL"] == url
    assert ("logs.json" in dashboards(made)) is (store is not None)


def test_a_grafana_that_is_there_gets_the_same() -> None:
    made = program("victorialogs", grafana={"existing": True, "url": "https://grafana.example.com"})
    source = data_sources(made)["victorialogs"]
    assert source["url"] == "http://victorialogs.observability.svc:9428"
    assert asked(made) == {"prometheus", "victorialogs"}


@pytest.mark.parametrize(
    ("name", "images", "folder"),
    [("victorialogs", True, IMAGE_PLUGINS), ("victorialogs", False, None), ("loki", True, None)],
)
def test_plugins_are_looked_for_in_an_image_of_the_users_own(name: str, images: bool, folder: str | None) -> None:
    """In the upstream image the folder is missing: its entry point would try to make it and end."""
    assert environment(program(name, images=images)).get("GF_PATHS_PLUGINS") == folder


def test_no_volume_hides_the_plugins_of_the_image() -> None:
    (container,) = grafana(program("victorialogs", images=True))["containers"]
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    mounts = {PurePosixPath(mount["mountPath"]) for mount in container["volumeMounts"]}
    assert not mounts & {PurePosixPath(IMAGE_PLUGINS), *PurePosixPath(IMAGE_PLUGINS).parents}
    assert PurePosixPath("/var/lib/grafana") in mounts, "it hides upstream's folder of plugins"
