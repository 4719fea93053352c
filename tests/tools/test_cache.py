"""Cached builds are whole or absent, made once, and rebuilt when anything that they are made from changes."""

import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.support.repository import ROOT
from tests.support.waiting import wait_until
from tools import builds
from tools.builds import BUILDS, COLLECTOR, PULUMI, Build
from tools.cache import Cache
from tools.golang import Go

BUILDER = """
import sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from tools.cache import Cache
cache, pause = Cache(Path(sys.argv[2])), float(sys.argv[3])
entry = cache.entry("tool", "key")
with cache.locked():
    if not entry.exists():
        with cache.new(entry) as target:
            (target / "half").write_text("x")
            with (cache.root / "builders").open("a") as log:
                log.write("x")
            time.sleep(pause)
            (target / "whole").write_text("x")
"""
ETCD = next(build for build in BUILDS if build.name == "etcd")


def builder(root: Path, pause: float) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", BUILDER, str(ROOT), str(root), str(pause)], stdout=subprocess.DEVNULL
    )


def names(root: Path) -> set[str]:
    return {path.name for path in root.iterdir() if path.is_dir()}


def test_a_build_that_fails_leaves_nothing(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    entry = cache.entry("tool", "key")

    def interrupted() -> None:
        with cache.locked(), cache.new(entry) as target:
            (target / "half").write_text("x")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert names(tmp_path) == set()


def test_a_build_that_is_killed_is_done_anew(tmp_path: Path) -> None:
    first = builder(tmp_path, 300)
    wait_until(lambda: list(tmp_path.glob(".new-*/half")))
    first.kill()
    first.wait()
    assert len(names(tmp_path)) == 1  # what it left, under a name that nobody takes for finished
    assert builder(tmp_path, 0).wait() == 0

    assert names(tmp_path) == {"tool-key"}
    assert (tmp_path / "tool-key" / "whole").exists()


def test_two_at_once_build_once(tmp_path: Path) -> None:
    both = [builder(tmp_path, 0.5), builder(tmp_path, 0.5)]

    assert [process.wait() for process in both] == [0, 0]
    assert (tmp_path / "builders").read_text() == "x"
    assert names(tmp_path) == {"tool-key"}


def test_pruning_keeps_what_is_used(tmp_path: Path) -> None:
    for name in ("old-1", "new-2"):
        (tmp_path / name).mkdir()

    assert Cache(tmp_path).prune({tmp_path / "new-2"}) == ["old-1"]
    assert names(tmp_path) == {"new-2"}


def test_the_cache_is_where_the_user_wants_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("ATLAS_CACHE", raising=False)
    assert Cache.of_user().root == tmp_path / "atlas"
    monkeypatch.setenv("ATLAS_CACHE", str(tmp_path / "here"))
    assert Cache.of_user().root == tmp_path / "here"


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of tools/ whose files a test may change."""
    copy = tmp_path / "tools"
    shutil.copytree(builds.TOOLS, copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(builds, "TOOLS", copy)
    manifest = tmp_path / "builder.yaml"
    manifest.write_text(builds.COLLECTOR_MANIFEST.read_text())
    monkeypatch.setattr(builds, "COLLECTOR_MANIFEST", manifest)
    components = tmp_path / "components"
    shutil.copytree(builds.COLLECTOR_COMPONENTS, components)
    monkeypatch.setattr(builds, "COLLECTOR_COMPONENTS", components)
    return copy


def go(release: str) -> Go:
    return Go("go", release, {})


@pytest.mark.parametrize(
    ("build", "file"),
    [
        (PULUMI, "engine/go.mod"),
        (PULUMI, "engine/go.sum"),
        (next(build for build in BUILDS if build.name == "podsecurity"), "podsecurity/main.go"),
        (COLLECTOR, "collector/distribution/go.sum"),
        (COLLECTOR, "../builder.yaml"),
        (COLLECTOR, "../components/sanitizer/config.go"),
        (COLLECTOR, "../components/go.mod"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.name,
)
def test_a_changed_source_makes_another_key_for_its_own_builds_alone(tools: Path, build: Build, file: str) -> None:
    before = {each.name: builds.key(each, go("1.26.8")) for each in BUILDS}
    with (tools / file).open("a") as changed:
        changed.write("// changed\n")
    after = {each.name: builds.key(each, go("1.26.8")) for each in BUILDS}

    assert {name for name in after if after[name] != before[name]} == {build.name}


def test_a_test_of_a_component_makes_no_other_key(tools: Path) -> None:
    before = builds.key(COLLECTOR, go("1.26.8"))
    (builds.COLLECTOR_COMPONENTS / "masking/new_test.go").write_text("package masking\n")
    assert builds.key(COLLECTOR, go("1.26.8")) == before


def test_a_newer_go_makes_another_key_and_its_patch_does_not() -> None:
    assert builds.key(ETCD, go("1.26.8")) == builds.key(ETCD, go("1.26.9"))
    assert builds.key(ETCD, go("1.26.8")) != builds.key(ETCD, go("1.27.0"))


def test_every_build_has_a_key_of_its_own() -> None:
    assert len({builds.key(build, go("1.26.8")) for build in BUILDS}) == len(BUILDS)


def test_the_stamped_version_is_the_one_of_go_mod() -> None:
    stamped = {build.name: builds.version(build) for build in BUILDS if build.stamps and not build.release}

    assert set(stamped) == {
        "pulumi",
        "kube-apiserver",
        "kube-controller-manager",
        "kube-scheduler",
        "kubectl",
        "kubelet",
        "kube-proxy",
    }
    assert all(version.count(".") == 2 and version.startswith("v") for version in stamped.values())


def test_the_provider_says_that_it_is_of_the_release_that_the_sdk_asks_for() -> None:
    assert [build.name for build in BUILDS if build.release] == ["pulumi-resource-kubernetes"]
    assert builds.KUBERNETES_PROVIDER.release == version("pulumi-kubernetes")
