"""What is missing on a machine is told before anything is built: all of it, in one message, each with its fix."""

import json
import shutil
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import pytest

from tests.support.repository import ROOT
from tools import preflight
from tools.preflight import GIB, Requirements

USAGE = namedtuple("USAGE", "total used free")


def machine(tmp_path: Path, *commands: str) -> dict[str, str]:
    """The environment of a machine that has only these commands, and from which no registry can be reached."""
    folder = tmp_path / "bin"
    folder.mkdir(exist_ok=True)
    for command in commands:
        found = shutil.which(command)
        assert found
        (folder / command).symlink_to(found)
    unreachable = {
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(tmp_path),
        "GOPROXY": "off",
        "GOMODCACHE": str(tmp_path / "mod"),
    }
    return {"PATH": str(folder), "HOME": str(tmp_path), "ATLAS_CACHE": str(tmp_path / "cache"), **unreachable}


def bring_go(tmp_path: Path, release: str) -> None:
    """A Go of that release on such a machine, which can say what it is and nothing more."""
    caches = json.dumps({name: str(tmp_path / name) for name in ("GOMODCACHE", "GOCACHE")})
    go = tmp_path / "bin/go"
    go.write_text(
        f"#!/bin/sh\n[ \"$1 $2\" = 'env -json' ] && {{ echo '{caches}'; exit; }}\n"
        f'[ "$1" = env ] && {{ echo go{release}; exit; }}\necho "go: download refused" >&2; exit 1\n'
    )
    go.chmod(0o755)


def set_up(environment: dict[str, str], *groups: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "tools/setup.py"), *groups]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_all_that_is_missing_is_one_message(tmp_path: Path) -> None:
    environment = machine(tmp_path) | {
        "SSL_CERT_FILE": "/nowhere",
        "SSL_CERT_DIR": "/nowhere",
        "ATLAS_CACHE": "/dev/null/cache",
    }
    answer = set_up(environment, "all")

    assert answer.returncode == 1
    assert "4 things are missing; nothing was built" in answer.stderr
    packages = ("git", "make", "ca-certificates")
    for fix in (*(f"apt-get install {package}" for package in packages), "set ATLAS_CACHE"):
        assert answer.stderr.count(fix) == 1, answer.stderr


def test_servers_that_cannot_be_installed_are_told_and_not_asked_for(tmp_path: Path) -> None:
    environment = machine(tmp_path) | {"ATLAS_CACHE": "/dev/null/cache"}
    answer = set_up(environment, "all")

    lines = answer.stdout.splitlines()
    assert lines[0].startswith("no node: without it `make test-node`"), lines
    (line,) = [each for each in lines if each.startswith("chromium is not here; ")]
    assert line.endswith("not run without it: tests/services/test_sign_in.py (fix: as root, apt-get install chromium)")
    assert "chromium" not in answer.stderr


def test_what_is_missing_is_told_once_on_a_machine_with_go(tmp_path: Path) -> None:
    environment = machine(tmp_path)
    bring_go(tmp_path, "1.999.0")
    answer = set_up(environment, "checks")

    assert answer.returncode == 1
    assert answer.stderr.count("apt-get install git") == 1, answer.stderr


def test_go_that_is_neither_on_path_nor_downloadable_is_told_with_its_fix(tmp_path: Path) -> None:
    answer = set_up(machine(tmp_path, "git", "make"), "cluster")

    assert answer.returncode == 1
    assert answer.stderr.startswith("setup: one thing is missing; nothing was built.\n- Go 1.")
    assert "there is no Go on PATH, and fetching that release failed" in answer.stderr
    assert "fix: install Go 1." in answer.stderr
    assert "go.dev/doc/install" in answer.stderr


@pytest.mark.parametrize("release", ["1.19.8", "1.22.0"])
def test_a_go_that_is_too_old_is_named(tmp_path: Path, release: str) -> None:
    environment = machine(tmp_path, "git", "make")
    bring_go(tmp_path, release)
    answer = set_up(environment, "cluster")

    assert answer.returncode == 1
    assert f"Go {release} on PATH is too old, and fetching that release failed" in answer.stderr
    assert ("download refused" in answer.stderr) == (release == "1.22.0")  # from 1.21 on Go itself is asked to fetch


def test_an_old_python_hears_why_no_further(tmp_path: Path) -> None:
    script = (
        "import runpy, sys; sys.version_info = (3, 9, 2, 'final', 0);"
        f"sys.argv = ['setup.py', 'all']; runpy.run_path({str(ROOT / 'tools/setup.py')!r}, run_name='__main__')"
    )
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)

    assert answer.returncode == 1
    assert answer.stderr == "setup: Python 3.11 or newer is needed, this is 3.9 (Debian package python3)\n"


def test_python_without_virtual_environments_matters_only_where_one_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight.importlib.util, "find_spec", lambda _: None)

    assert preflight.find_issues(Requirements()) == []
    assert [p.fix for p in preflight.find_issues(Requirements(environments=True))] == ["apt-get install python3-venv"]


def test_directories_of_one_disk_need_the_sum(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight.shutil, "disk_usage", lambda _: USAGE(100 * GIB, 95 * GIB, 5 * GIB))
    one, two = tmp_path / "one", tmp_path / "deep" / "two"

    assert preflight.find_issues(Requirements(space=((one, 3 * GIB), (two, 2 * GIB)))) == []
    [problem] = preflight.find_issues(Requirements(space=((one, 3 * GIB), (two, 3 * GIB))))
    assert problem.what == f"5.0 GiB are free for {one}, {two}; 6 are needed"


def test_memory_is_asked_for_only_by_what_builds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "_available_memory", lambda: GIB)

    assert preflight.find_issues(Requirements()) == []
    [problem] = preflight.find_issues(Requirements(memory=3 * GIB))
    assert problem.what == "1.0 GiB of memory are free, building needs 3"


@pytest.mark.parametrize(("system", "processor"), [("Windows", "AMD64"), ("Linux", "riscv64"), ("FreeBSD", "amd64")])
def test_another_system_is_refused(monkeypatch: pytest.MonkeyPatch, system: str, processor: str) -> None:
    monkeypatch.setattr(preflight.platform, "system", lambda: system)
    monkeypatch.setattr(preflight.platform, "machine", lambda: processor)

    assert [p.what for p in preflight.find_issues(Requirements())] == [f"{system} on {processor}"]


@pytest.mark.parametrize("processor", ["arm64", "x86_64"])
def test_a_mac_runs_all_but_the_embedded_cluster(monkeypatch: pytest.MonkeyPatch, processor: str) -> None:
    monkeypatch.setattr(preflight.platform, "system", lambda: "Darwin")
    monkeypatch.setattr(preflight.platform, "machine", lambda: processor)

    assert preflight.find_issues(Requirements()) == []
    (issue,) = preflight.find_issues(Requirements(cluster=True))
    assert issue.what == "the embedded cluster needs Linux, and this is Darwin"
    assert "make up STACK=local-kind" in issue.fix
