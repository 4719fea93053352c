"""What a build makes besides programs is linked, and kept in the cache, like a program."""

from pathlib import Path

import pytest

from tools import builds, provision
from tools.builds import OPERATOR_CRDS, Build
from tools.cache import Cache
from tools.golang import Go
from tools.progress import SetupError


@pytest.fixture
def local(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where this clone's links are; the cache is beside it."""
    monkeypatch.setattr(provision, "LINKS", tmp_path / "local/bin")
    monkeypatch.setattr(provision, "SHARED", tmp_path / "local/share")
    monkeypatch.setenv("ATLAS_CACHE", str(tmp_path / "cache"))
    (tmp_path / "local/bin").mkdir(parents=True)
    (tmp_path / "local/share").mkdir()
    return tmp_path / "local"


def test_what_is_linked_from_either_folder_stays_in_the_cache(local: Path) -> None:
    cache = Cache.of_user()
    for name, made in (("tool", "bin/tool"), ("files", "share/files"), ("old", "share/old")):
        (cache.entry(name, "1") / made).mkdir(parents=True)
    (local / "bin/tool").symlink_to(cache.entry("tool", "1") / "bin/tool")
    (local / "share/files").symlink_to(cache.entry("files", "1") / "share/files")
    provision._clean_cache()

    assert sorted(path.name for path in cache.root.iterdir() if path.is_dir()) == ["files-1", "tool-1"]


def module(folder: Path, *names: str) -> str:
    """What ``go mod download -json`` says of a module with these definitions."""
    definitions = folder / "example/prometheus-operator-crd"
    definitions.mkdir(parents=True)
    for name in names:
        (definitions / name).write_text("x")
        (definitions / name).chmod(0o444)
    return f'{{"Dir": "{folder}", "Version": "v1.2.3"}}'


def made(said: str, target: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    def answer(_build: Build, _go: Go, _arguments: list[str]) -> str:
        return said

    monkeypatch.setattr(builds, "_go", answer)
    target.mkdir()
    builds.make(OPERATOR_CRDS, Go("go", "1.26.0", {}), target, nodejs_path="")
    return target / "share" / OPERATOR_CRDS.name


def test_the_definitions_are_copied_out_of_the_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = made(module(tmp_path / "module", "a.yaml", "b.yaml", "README.md"), tmp_path / "entry", monkeypatch)

    assert sorted(path.name for path in folder.iterdir()) == ["a.yaml", "b.yaml"]


def test_a_module_that_keeps_them_elsewhere_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SetupError, match=r"v1\.2\.3 keeps its definitions elsewhere"):
        made(module(tmp_path / "module"), tmp_path / "entry", monkeypatch)
