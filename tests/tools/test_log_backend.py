"""Where logs of the local stack go: Loki where its image can be had, else VictoriaLogs, and then the same until `make wipe`."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.repository import ROOT
from tools import image_loader, image_sources, stack
from tools.image_loader import ImageLoader, with_overlay
from tools.image_sources import PINS, ImageSources

UNREACHABLE = "the registry registry-1.docker.io cannot be reached"


class Services:
    """No image of the platform's services: they are not asked here."""

    references: Mapping[str, str] = {}

    def __init__(self, *_: object) -> None:
        """Whatever the source is."""

    def load(self, node: object) -> None:
        """Nothing."""


class Node:
    """A node with these images."""

    def __init__(self, *names: str) -> None:
        self._names = set(names)

    def images(self) -> set[str]:
        return self._names

    def load(self, images: object) -> None:
        """Nothing."""


def stack_file(**logs: Any) -> str:
    config: dict[str, Any] = {"atlas:cluster": {}, **({"atlas:logs": logs} if logs else {})}
    return yaml.safe_dump({"config": config})


@dataclass
class Registry:
    """A registry, and the images that this machine asked it for. ``gone`` are those that it has not, or gives to nobody."""

    folder: Path
    gone: Collection[str] = ()
    fails: Collection[str] = ()
    pulled: list[str] = field(default_factory=list[str])

    def find_unavailable(self, references: Iterable[str], seconds: float = 0) -> dict[str, str]:
        return {each: UNREACHABLE for each in references if any(part in each for part in self.gone)}

    def pull(self, node: object, reference: str) -> str | None:
        self.pulled.append(reference)
        return UNREACHABLE if any(part in reference for part in self.fails) else None

    def loaded(self, text: str, deployed: str | None = None) -> ImageLoader:
        """The loader of a machine that asks this registry for the first time."""
        sources = ImageSources(text, PINS.read_text(), self.folder / "answer.json")
        loader = ImageLoader(text, Path(), sources, deployed)
        loader.inspect(None)
        loader.load(Node())  # type: ignore[arg-type]
        (self.folder / "answer.json").unlink()
        return loader


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Registry:
    """One that has nothing."""
    made = Registry(tmp_path, gone=[":"])
    monkeypatch.setattr(image_sources.registry, "find_unavailable", lambda *given: made.find_unavailable(*given))
    monkeypatch.setattr(image_loader, "pull", lambda *given: made.pull(*given))
    monkeypatch.setattr(image_loader, "ServiceImages", Services)
    monkeypatch.setattr(image_loader.node_images, "all_images", lambda binaries: [])
    monkeypatch.setattr(image_loader.provision, "set_up", lambda *_: None)
    return made


def backend(text: str, loader: ImageLoader) -> str:
    return yaml.safe_load(with_overlay(text, loader.overlay))["config"].get("atlas:logs", {}).get("backend", "loki")


def test_without_a_registry_it_is_victorialogs_and_one_line_says_so(
    registry: Registry, capsys: pytest.CaptureFixture[str]
) -> None:
    loader = registry.loaded(stack_file())
    assert backend(stack_file(), loader) == "victorialogs"
    said = capsys.readouterr().out.splitlines()
    assert [line for line in said if "VictoriaLogs" in line] == [
        f"logs go to VictoriaLogs, since Loki's image cannot be had: {UNREACHABLE}"
    ]
    assert loader.overlay["scaledToZero"] == ["grafana"], "nothing of a Loki that is not deployed"


def test_where_its_image_can_be_had_it_is_loki_and_the_other_is_not_pulled(registry: Registry) -> None:
    registry.gone = ()
    loader = registry.loaded(stack_file())
    assert backend(stack_file(), loader) == "loki"
    assert loader.overlay["scaledToZero"] == []
    assert any("grafana/loki" in reference for reference in registry.pulled)
    assert not any("victoria-logs" in reference for reference in registry.pulled)


def test_where_its_image_was_said_to_be_there_and_is_not_it_is_victorialogs(
    registry: Registry, capsys: pytest.CaptureFixture[str]
) -> None:
    registry.gone, registry.fails = (), ["grafana/loki"]
    loader = registry.loaded(stack_file())
    assert backend(stack_file(), loader) == "victorialogs"
    assert loader.overlay["scaledToZero"] == []
    assert any("victoria-logs" in reference for reference in registry.pulled)
    assert "logs go to VictoriaLogs, since Loki's image cannot be had" in capsys.readouterr().out


def test_a_store_that_holds_logs_stays(registry: Registry, capsys: pytest.CaptureFixture[str]) -> None:
    assert backend(stack_file(), registry.loaded(stack_file(), "loki")) == "loki"
    assert "loki" in registry.loaded(stack_file(), "loki").overlay["scaledToZero"], (
        "its image is missing, its logs are kept"
    )
    registry.gone = ()
    assert backend(stack_file(), registry.loaded(stack_file(), "victorialogs")) == "victorialogs"
    assert "VictoriaLogs" not in capsys.readouterr().out, "nothing was decided"


@pytest.mark.parametrize("named", ["loki", "victorialogs", "external"])
def test_the_stack_file_has_the_last_word(registry: Registry, named: str) -> None:
    registry.gone = ()
    text = stack_file(backend=named, elasticsearch="https://e.example.com")
    loader = registry.loaded(text, "loki")
    assert "logs" not in loader.overlay
    assert backend(text, loader) == named
    for name, image in (("loki", "grafana/loki"), ("victorialogs", "victoria-logs")):
        assert any(image in reference for reference in registry.pulled) is (named == name)


def test_other_settings_of_logs_stay(registry: Registry) -> None:
    text = stack_file(elasticsearch="https://e.example.com")
    config = yaml.safe_load(with_overlay(text, registry.loaded(text).overlay))["config"]
    assert config["atlas:logs"] == {"backend": "victorialogs", "elasticsearch": "https://e.example.com"}


def test_what_was_deployed_is_read_from_the_last_updates_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stack, "PRIVATE", tmp_path)
    monkeypatch.setattr(stack.Stack, "_deployed", lambda self: deployed)
    deployed, local = False, stack.Stack("local")
    (tmp_path / "Pulumi.local.yaml").write_text(stack_file(backend="victorialogs"))
    assert local._deployed_log_backend() is None, "a preview decides nothing"
    deployed = True
    assert local._deployed_log_backend() == "victorialogs"
    assert local._log_backend_overlay() == {"logs": {"backend": "victorialogs"}}, "also without a node"
    (tmp_path / "Pulumi.local.yaml").write_text(stack_file())
    assert local._deployed_log_backend() is None
    assert local._log_backend_overlay() == {}


def test_the_local_stack_that_ships_leaves_it_to_the_machine() -> None:
    config = yaml.safe_load((ROOT / "Pulumi.local.yaml").read_text())["config"]
    assert "atlas:logs" not in config
    assert {"atlas:loki", "atlas:victorialogs"} <= config.keys(), "each has its size"
