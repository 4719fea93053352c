"""The loader keeps to set-up's answer: it pulls, makes the rest, and builds what was said to be there and is not."""

from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any

import pytest

from tools import image_loader, node_images, oci, provision, registry
from tools.image_loader import ImageLoader
from tools.image_sources import PINS, VARIABLE, ImageSources
from tools.registry import canonical_name

STACK_FILE = "config:\n  atlas:environment: local\n"


class FakeNode:
    """A node that takes every image."""

    def __init__(self) -> None:
        self.present: set[str] = set()
        self.made: list[str] = []

    def images(self) -> set[str]:
        return self.present

    def load(self, images: Iterable[oci.Image]) -> list[str]:
        new = [image for image in images if image.reference not in self.present]
        self.made += [image.name for image in new]
        self.present |= {image.reference for image in new}
        return [image.reference for image in new]

    def import_archive(self, archive: IO[bytes]) -> None:
        raise AssertionError("no archive is imported here")


def new_node() -> Any:
    return FakeNode()


class NoServices:
    """The platform's services are no part of these tests."""

    def __init__(self, *_: Any) -> None:
        self.references: dict[str, str] = {}

    def load(self, node: FakeNode) -> None:
        pass


@pytest.fixture
def binaries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for programs. What the loader builds after all appears there."""
    folder = tmp_path / "bin"
    folder.mkdir()

    def set_up(groups: list[str], programs: Iterable[str]) -> None:
        assert groups == []
        for name in programs:
            (folder / name).write_text(f"program {name}")

    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setattr(provision, "set_up", set_up)
    monkeypatch.setattr(image_loader, "ServiceImages", NoServices)
    return folder


def make_loader(
    binaries: Path, monkeypatch: pytest.MonkeyPatch, *, lacking: Iterable[str] = (), failing: Iterable[str] = ()
) -> ImageLoader:
    """A loader where registries lack images, and fail to give others that they said they had."""
    lacking, failing = list(lacking), list(failing)

    def find(references: Iterable[str], seconds: float = 0) -> dict[str, str]:
        return {each: "no registry has it" for each in references if any(part in each for part in lacking)}

    def pull(node: FakeNode, reference: str) -> str | None:
        if any(part in reference for part in failing):
            return "the registry broke off"
        node.present.add(canonical_name(reference).removeprefix("docker.io/"))
        return None

    monkeypatch.setattr(registry, "find_unavailable", find)
    monkeypatch.setattr(image_loader, "pull", pull)
    return ImageLoader(STACK_FILE, binaries, ImageSources(STACK_FILE, PINS.read_text(), binaries / "answer.json"))


def test_nothing_is_made_where_all_can_be_pulled(binaries: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loader, node = make_loader(binaries, monkeypatch), new_node()
    loader.inspect(None)
    before = loader.overlay
    loader.load(node)

    assert node.made == []
    expected = {"cluster": {"waitForReady": True}, "images": {}, "logs": {"backend": "loki"}, "scaledToZero": []}
    assert before == loader.overlay == expected
    assert [file.name for file in binaries.iterdir()] == ["answer.json"], "no program was built"


def test_only_what_a_mirror_lacks_is_made(
    binaries: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(VARIABLE, "localhost:5000")
    loader, node = make_loader(binaries, monkeypatch, lacking=["/jaeger:", "grafana/grafana"]), new_node()
    (binaries / "jaeger").write_text("program")
    loader.load(node)

    assert node.made == ["jaeger"]
    assert list(loader.overlay["images"]) == ["jaeger"]
    assert loader.overlay["registry"] == "localhost:5000"
    assert loader.scaled_to_zero == {"grafana": "no registry has it"}
    assert "scaled to zero: grafana, for no registry has it" in capfd.readouterr().out


def test_what_was_said_to_be_there_and_fails_is_built_with_a_line(
    binaries: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    loader, node = make_loader(binaries, monkeypatch, failing=["prom/prometheus", "grafana/grafana"]), new_node()
    loader.load(node)
    said = capfd.readouterr().out

    assert node.made == ["prometheus"]
    assert loader.overlay["images"]["prometheus"].startswith("atlas/prometheus:")
    assert loader.scaled_to_zero == {"grafana": "the registry broke off"}
    assert "prometheus was said to be there, but the registry broke off; it is built instead" in said
    again = make_loader(binaries, monkeypatch)
    again.inspect(None)
    assert list(again.overlay["images"]) == ["prometheus"], "it stays the one that the node has"


def test_an_image_on_the_node_needs_no_registry(binaries: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    node = new_node()
    make_loader(binaries, monkeypatch).load(node)
    without_network = make_loader(binaries, monkeypatch, lacking=[""], failing=[""])
    assert without_network.sources.ask().endswith("are on the node")
    without_network.inspect(node)
    without_network.load(node)

    assert node.made == []
    assert without_network.scaled_to_zero == {}


def test_a_preview_names_what_cannot_be_had(binaries: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for program in node_images.BINARIES.values():
        (binaries / program).write_text(program)
    loader = make_loader(binaries, monkeypatch, lacking=[""])
    loader.inspect(None)

    assert set(loader.scaled_to_zero) == set(loader.sources.pulled)
    assert loader.overlay["images"].keys() == loader.sources.made
