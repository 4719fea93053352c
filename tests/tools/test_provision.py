"""What is on PATH is used when it is complete; what is missing is ours, and one never hides the other."""

from pathlib import Path

import pytest

from tools import builds, provision
from tools.builds import BUILDS, KUBECTL, KUBERNETES_PROVIDER, PULUMI

PINNED_PULUMI = builds.version(PULUMI)


def put(folder: Path, name: str, says: str = "") -> Path:
    folder.mkdir(exist_ok=True)
    command = folder / name
    command.write_text(f"#!/bin/sh\necho '{says}'\n")
    command.chmod(0o755)
    return command


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder on PATH."""
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return tmp_path / "bin"


def test_the_official_engine_is_used_when_its_language_host_is_beside_it(path: Path) -> None:
    found = put(path, "pulumi", PINNED_PULUMI)
    assert provision._on_path(PULUMI) is None
    put(path, "pulumi-language-python")
    assert provision._on_path(PULUMI) == str(found)


def test_an_engine_behind_a_link_is_complete_when_the_host_is_beside_its_real_place(path: Path, tmp_path: Path) -> None:
    real = put(tmp_path / "pulumi-home", "pulumi", PINNED_PULUMI)
    put(tmp_path / "pulumi-home", "pulumi-language-python")
    path.mkdir()
    (path / "pulumi").symlink_to(real)

    assert provision._on_path(PULUMI) == str(path / "pulumi")


@pytest.mark.parametrize(
    ("says", "used"), [("v3.249.9", False), ("v3.300.0", True), ("v4.0.0", True), ("nonsense", False)]
)
def test_an_older_engine_than_the_pinned_one_is_not_used(path: Path, says: str, used: bool) -> None:
    put(path, "pulumi", says)
    put(path, "pulumi-language-python")

    assert (provision._on_path(PULUMI) is not None) is used


@pytest.mark.parametrize(("says", "used"), [("v1.32.9", False), ("v1.33.0", True), ("v1.36.1", True), ("", False)])
def test_kubectl_is_used_within_the_skew_that_it_supports(path: Path, says: str, used: bool) -> None:
    put(path, "kubectl", f"Client Version: {says}")

    assert (provision._on_path(KUBECTL) is not None) is used


def test_servers_are_always_ours(path: Path) -> None:
    for build in BUILDS:
        put(path, build.name, "v99.0.0")

    found = {build.name for build in BUILDS if provision._on_path(build)}
    assert found == {"kubectl", "pulumi-resource-kubernetes"}


def test_what_this_set_up_provides_does_not_count_as_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path / "own", "kubectl", "v1.34.3")
    monkeypatch.setattr(provision, "LINKS", tmp_path / "own")
    monkeypatch.setenv("PATH", str(tmp_path / "own"))

    assert provision._on_path(KUBECTL) is None


def test_a_link_is_moved_to_another_build_and_gives_way_to_what_is_on_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provision, "LINKS", tmp_path)
    one, two = put(tmp_path / "1", "kubectl"), put(tmp_path / "2", "kubectl")
    provision._link(tmp_path / "kubectl", one)
    provision._link(tmp_path / "kubectl", two)
    assert (tmp_path / "kubectl").resolve() == two
    provision._unlink(KUBECTL)

    assert sorted(path.name for path in tmp_path.iterdir()) == ["1", "2"]


def test_the_official_engine_is_not_mixed_with_stand_ins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provision, "LINKS", tmp_path)
    stand_ins = [path.name for path in provision.OFFLINE.iterdir()]
    for name in ["pulumi", "pulumi-language-python-exec", "pulumi-resource-kubernetes", *stand_ins, "etcd"]:
        (tmp_path / name).symlink_to("/somewhere")
    for build in (PULUMI, KUBERNETES_PROVIDER):
        provision._unlink(build)

    assert [path.name for path in tmp_path.iterdir()] == ["etcd"]
