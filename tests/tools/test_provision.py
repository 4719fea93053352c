"""What is on PATH is used when it is complete; what is missing is ours, and one never hides the other."""

import os
import platform
import subprocess
from pathlib import Path

import pytest

from tools import builds, debian, preflight, progress, prometheus_page, provision
from tools.builds import BUILDS, KUBECTL, KUBERNETES_PROVIDER, PROMETHEUS, PULUMI
from tools.cache import Cache
from tools.golang import Go
from tools.preflight import Requirements
from tools.progress import SetupError, Steps

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


def mac(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "system", lambda: "Darwin")
    monkeypatch.setattr(platform, "machine", lambda: "arm64")


def test_on_a_mac_everything_is_all_but_the_embedded_cluster(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    mac(monkeypatch)
    groups, programs = provision._everything()

    assert groups == ["engine", "checks", "servers"]
    assert programs == [KUBECTL.name]
    assert "no embedded cluster, which needs Linux" in capfd.readouterr().out
    linux_only = {"etcd", "kube-apiserver", "kubelet", "kube-proxy"}
    assert not linux_only & {build.name for build in provision.needed_builds(groups)}


def test_a_mac_has_builds_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    go = Go("go", "1.26.0", {})
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    ours = builds.key(KUBECTL, go)
    mac(monkeypatch)
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")

    assert builds.key(KUBECTL, go) != ours


def test_a_command_is_waited_for_where_there_are_no_pidfds(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delattr(os, "pidfd_open")
    monkeypatch.setattr(progress, "HEARTBEAT_SECONDS", 0)
    script = ["sh", "-c", "sleep 0.3; echo done"]

    assert progress.run("a command", script, cwd=tmp_path, environment=os.environ) == "done\n"
    assert "a command: still running after 0 s" in capfd.readouterr().out
    with pytest.raises(SetupError, match="exit code 3"):
        progress.run("a command", ["sh", "-c", "exit 3"], cwd=tmp_path, environment=os.environ)


@pytest.fixture
def quiet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Requirements]:
    """A set-up that builds and installs nothing, with what it asked of the machine."""
    asked: list[Requirements] = []
    monkeypatch.setattr(provision, "LINKS", tmp_path / "bin")
    monkeypatch.setattr(provision, "SHARED", tmp_path / "share")
    monkeypatch.setattr(provision, "_ensure_nodejs", lambda _: None)
    monkeypatch.setattr(preflight, "find_issues", lambda requirements: asked.append(requirements) or [])
    monkeypatch.setattr(debian, "missing_packages", lambda *_: ["chromium", "redis-server"])
    return asked


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize("why", ["not root", "no apt-get"])
def test_without_apt_set_up_goes_on_and_says_what_does_not_run(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], why: str
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000 if why == "not root" else 0)
    monkeypatch.setattr(debian.shutil, "which", lambda *_, **__: None if why == "no apt-get" else "/usr/bin/apt-get")
    monkeypatch.setattr(debian, "install", lambda _: pytest.fail("nothing can be installed"))
    provision.set_up(["servers"])

    said = capfd.readouterr().out
    assert said.count("is not here; not run without it: ") == 2
    assert "redis-server is not here; not run without it: `make test-services`" in said
    assert "Debian packages 2 are not here" in said


def test_what_an_unprivileged_user_finds_built_is_used_from_a_cache_that_is_not_theirs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, quiet: list[Requirements]
) -> None:
    cache = Cache(tmp_path / "cache")
    go = Go("go", "1.26.0", {})
    monkeypatch.setattr(provision.golang, "on_path", lambda _: go)
    (cache.entry("kubectl", builds.key(KUBECTL, go)) / "bin").mkdir(parents=True)
    provision._preflight([KUBECTL], cache, needs_uv=False)

    assert [cache.root in requirements.writable for requirements in quiet] == [False]
    provision._preflight([KUBECTL], cache, needs_uv=True)
    assert cache.root in quiet[1].writable


def test_each_server_says_what_does_not_run_without_it() -> None:
    assert debian.USED_BY.keys() == set(debian.PROGRAMS.values())


def test_without_nodejs_the_message_says_where_it_comes_from(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(path, "node", "v20.18.1")
    put(path, "npm")
    monkeypatch.setattr(provision, "ROOT", tmp_path)

    with pytest.raises(
        SetupError, match=r"Node.js 20\.19 or newer.*\nfix: install Node.js, or .*setup.py engine checks"
    ):
        provision._ensure_nodejs(Steps(1))


def test_nodejs_is_that_of_the_python_environment_where_path_has_none(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    links = tmp_path / "links"
    links.mkdir()
    monkeypatch.setattr(provision, "LINKS", links)
    provision._ensure_nodejs(Steps(1))

    for name in ("node", "npm", "npx"):
        command, environment = [str(links / name), "--version"], {"PATH": str(links), "HOME": str(tmp_path)}
        assert subprocess.run(command, env=environment, capture_output=True, check=True).stdout, name


def test_prometheus_is_built_anew_with_another_page_and_promtool_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go = Go("go", "1.26.0", {})
    (promtool,) = (build for build in BUILDS if build.name == "promtool")
    before = [builds.key(build, go) for build in (PROMETHEUS, promtool)]
    changed = tmp_path / "package.json"
    changed.write_text("{}")
    monkeypatch.setattr(prometheus_page, "pins", lambda: [changed])
    after = [builds.key(build, go) for build in (PROMETHEUS, promtool)]

    assert before[0] != after[0]
    assert before[1] == after[1]
