"""Which images are pulled and which are made: asked once, decided for set-up and loader alike, and kept with the node."""

from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import Any

import pytest
import yaml

from catalog.images import IMAGES, Images
from tests.support.repository import ROOT
from tools import image_sources, node_images, provision, registry
from tools.builds import BUILDS
from tools.image_sources import BUILDABLE, PINS, STACK_FILE, VARIABLE, ImageSources
from tools.progress import SetupError

CLUSTER = {"kubelet", "kube-proxy", "coredns"}
"""What the group of the node builds in any case."""
Sources = Callable[..., ImageSources]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The references that were asked for, of registries that have everything but what ``lacking`` names."""
    return _answer(monkeypatch, lacking=())


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sources:
    """``sources("  atlas:registry: …")`` are those of a stack file with these lines. The answer stays from one to the next."""
    monkeypatch.delenv(VARIABLE, raising=False)

    def make(lines: str = "") -> ImageSources:
        return ImageSources(
            f"config:\n  atlas:environment: local\n{lines}\n", PINS.read_text(), tmp_path / "answer.json"
        )

    return make


def _answer(monkeypatch: pytest.MonkeyPatch, lacking: Collection[str]) -> list[str]:
    asked: list[str] = []

    def find(references: Iterable[str], seconds: float = 0) -> dict[str, str]:
        listed = list(references)
        asked.extend(listed)
        return {each: "the registry is without it" for each in listed if any(part in each for part in lacking)}

    monkeypatch.setattr(registry, "find_unavailable", find)
    return asked


def test_where_all_can_be_pulled_only_the_clusters_own_programs_are_built(sources: Sources, asked: list[str]) -> None:
    ours = sources()

    assert ours.ask() == f"images: {len(IMAGES)} of {len(IMAGES)} can be pulled"
    assert sorted(asked) == sorted(IMAGES.values())
    assert ours.made == set()
    assert {build.name for build in provision.needed_builds(["node"], ours.unused_programs)} == CLUSTER


def test_the_tests_build_what_they_run_themselves(sources: Sources, asked: list[str]) -> None:
    ours = sources()
    ours.ask()
    built = {build.name for build in provision.needed_builds(["node", "checks"], ours.unused_programs)}

    assert built >= {build.name for build in BUILDS if "checks" in build.groups}
    assert "kube-state-metrics" not in built


def test_where_nothing_answers_all_is_built_that_can_be(sources: Sources, monkeypatch: pytest.MonkeyPatch) -> None:
    _answer(monkeypatch, lacking=[""])
    ours = sources()
    line = ours.ask()

    count = len(BUILDABLE & IMAGES.keys())
    assert line.startswith(
        f"images: none of {len(IMAGES)} can be pulled (the registry is without it), {count} are built here"
    )
    assert ours.made == BUILDABLE & IMAGES.keys()
    assert set(ours.pulled) == IMAGES.keys() - BUILDABLE
    assert line.endswith(f"not to be had: {', '.join(sorted(ours.pulled))}")
    assert ours.unused_programs & set(node_images.BINARIES.values()) == {
        program for name, program in node_images.BINARIES.items() if name in ours.pulled
    }


def test_of_a_mirror_that_holds_a_part_only_the_rest_is_built(
    sources: Sources, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = _answer(monkeypatch, lacking=["/jaeger:", "postgres:15"])
    ours = sources("  atlas:registry: mirror.example.com/all")

    assert "built here: db, jaeger" in ours.ask()
    assert ours.made == {"db", "jaeger"}
    assert all(each.startswith("mirror.example.com/all/") for each in asked)
    built = {build.name for build in provision.needed_builds(["node"], ours.unused_programs)}
    assert built == CLUSTER | {"jaeger"}


def test_an_image_that_the_stack_file_names_is_pulled_and_never_made(
    sources: Sources, monkeypatch: pytest.MonkeyPatch
) -> None:
    _answer(monkeypatch, lacking=["mine/", "atlas/"])
    ours = sources("  atlas:images:\n    prometheus: mine/prometheus:1 # ours\n    jaeger: atlas/jaeger:local")
    ours.ask()

    assert ours.made == {"jaeger"}
    assert ours.pulled["prometheus"] == "mine/prometheus:1"
    assert ours.error("prometheus") == "the registry is without it"


def test_what_the_node_has_is_not_asked_for_again(sources: Sources, monkeypatch: pytest.MonkeyPatch) -> None:
    _answer(monkeypatch, lacking=["/jaeger:", "grafana/grafana"])
    first = sources()
    first.ask()
    first.mark_loaded(set(first.wanted) - {"grafana"})
    asked = _answer(monkeypatch, lacking=[""])  # a day without a network
    again = sources()
    line = again.ask()

    assert asked == [IMAGES["grafana"]]
    assert again.made == {"jaeger"}
    assert line.startswith(f"images: {len(IMAGES) - 1} are on the node, none of 1 can be pulled")
    again.mark_loaded(again.wanted)
    assert sources().ask() == f"images: {len(IMAGES)} are on the node"


def test_another_pin_is_asked_for(sources: Sources, asked: list[str]) -> None:
    first = sources()
    first.ask()
    first.mark_loaded(first.wanted)
    asked.clear()
    sources("  atlas:registry: mirror.example.com").ask()

    assert len(asked) == len(IMAGES)


def test_the_loader_asks_nobody_where_set_up_has_asked(sources: Sources, asked: list[str]) -> None:
    sources().ask()
    asked.clear()
    sources().ensure_asked()
    assert asked == []
    sources("  atlas:registry: mirror.example.com").ensure_asked()
    assert len(asked) == len(IMAGES)


def test_an_image_that_fails_is_made_from_then_on(sources: Sources, asked: list[str]) -> None:
    ours = sources()
    ours.ask()
    ours.mark_failed("loki" if "loki" in BUILDABLE else "jaeger", "it is not pulled")

    assert len(sources().made) == 1


@pytest.mark.parametrize("mirror", ["localhost:5000", "mirror.example.com/a/path", None])
def test_references_are_those_that_the_program_deploys(
    sources: Sources, monkeypatch: pytest.MonkeyPatch, mirror: str | None
) -> None:
    if mirror:
        monkeypatch.setenv(VARIABLE, mirror)
    deployed = Images(registry=mirror)

    assert sources("  atlas:registry: other.example.com" if mirror else "").wanted == {
        name: deployed[name] for name in IMAGES
    }


@pytest.mark.parametrize("mirror", ["http://localhost:5000", "mirror.example.com/", "mirror", "localhost:port"])
def test_what_is_no_registry_is_refused_with_its_place(
    sources: Sources, monkeypatch: pytest.MonkeyPatch, mirror: str
) -> None:
    with pytest.raises(SetupError, match=r"atlas:registry in Pulumi\.local\.yaml is '.*\n.*fix: |atlas:registry"):
        sources(f"  atlas:registry: {mirror}")
    monkeypatch.setenv(VARIABLE, mirror)
    with pytest.raises(SetupError, match=f"^{VARIABLE} is .*\nfix: a registry such as localhost:5000"):
        sources()


SHAPES: dict[str, dict[str, Any]] = {
    "": {},
    "  atlas:registry: m.example.com # ours": {"registry": "m.example.com"},
    "  atlas:registry: 'm.example.com/a'": {"registry": "m.example.com/a"},
    '  atlas:registry:   "m.example.com:5000"': {"registry": "m.example.com:5000"},
    "  # atlas:registry: m.example.com": {},
    "  atlas:images:\n    # a comment\n\n    loki: a/loki:1@sha256:ab\n    ops-ui: 'b/ui:2'": {},
    "  atlas:images:\n    db: a/b:1\n  atlas:registry: m.example.com\n  atlas:loki:\n    replicas: 1": {
        "registry": "m.example.com"
    },
    '  atlas:images: {db: a/b:1, "cache": "c/d:2"}\n  atlas:rotation: "1"': {},
    "  atlas:platform:\n    images: {db: a/b:1}\n    registry: no.example.com": {},
}


@pytest.mark.parametrize("lines", SHAPES)
def test_a_stack_file_is_read_as_yaml_reads_it(sources: Sources, lines: str) -> None:
    config = yaml.safe_load(f"config:\n  atlas:environment: local\n{lines}\n")["config"]
    ours = sources(lines)

    assert ours.registry == config.get("atlas:registry") == SHAPES[lines].get("registry")
    assert ours.named == (config.get("atlas:images") or {})


def test_the_pins_are_read_as_yaml_reads_them(sources: Sources) -> None:
    assert sources().wanted == IMAGES
    assert Path(STACK_FILE) == ROOT / "Pulumi.local.yaml"
    assert set(node_images.BINARIES) | {image.name for image in node_images.debian_images()} == BUILDABLE
    assert image_sources.ANSWER.is_relative_to(ROOT / ".local")
