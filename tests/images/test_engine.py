"""tools/docker.py: an engine of its own, reached by its own socket and nothing else, and plain words where it cannot run."""

import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.images.building import ROOT
from tests.support.waiting import wait_until
from tools import docker, processes
from tools import images as images_tool
from tools.docker import Engine, EngineError


@pytest.fixture
def own() -> Iterator[Engine]:
    # Near the root: pytest's own folders are too deep for its sockets where TMPDIR is deep already.
    with tempfile.TemporaryDirectory(prefix="engine-") as folder:
        yield Engine(Path(folder) / "e")


def test_it_starts_is_left_alone_when_it_runs_and_stops(own: Engine) -> None:
    try:
        own.up()
        process = processes.read(own.pid_file)
        assert process is not None
        own.up()
        assert processes.read(own.pid_file) == process
        (root,) = [line for line in own.run("info").splitlines() if "Docker Root Dir" in line]
        assert root.endswith(str(own.directory / "data"))
        assert own.run("network", "ls", "--format", "{{.Driver}}").split() == ["host", "null"]
        listening = subprocess.run(["ss", "-tlnpH"], capture_output=True, text=True, check=True).stdout
        assert f"pid={process.pid}," not in listening
    finally:
        assert own.down()
    assert processes.read(own.pid_file) is None
    with pytest.raises(EngineError, match="docker version failed"):
        own.run("version")
    own.wipe()
    assert not own.directory.exists()


def test_what_a_killed_engine_mounted_does_not_outlive_the_next_one(own: Engine) -> None:
    def mounted() -> bool:
        return subprocess.run(["mountpoint", "--quiet", own.directory / "data"], check=False).returncode == 0

    try:
        own.up()
        process = processes.read(own.pid_file)
        assert process is not None
        process.signal(signal.SIGKILL)
        wait_until(lambda: not process.alive)
        assert mounted()
        own.up()
    finally:
        own.down()
    assert not mounted()
    own.wipe()


def test_what_it_needs_is_said_with_the_package(own: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(docker, "DEBIAN_PATH", "/nonexistent")
    with pytest.raises(EngineError, match=r"dockerd and docker and .* not found; fix: apt-get install docker\.io"):
        own.up()


def test_without_root_it_says_what_to_do(own: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(docker.os, "geteuid", lambda: 1000)
    with pytest.raises(EngineError, match=r"needs root; fix: .*DOCKER_HOST"):
        own.up()


def test_a_directory_too_deep_for_a_socket_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="too long for a socket"):
        Engine(tmp_path / ("x" * 100)).up()


def test_a_link_from_such_a_directory_is_where_it_leads(tmp_path: Path) -> None:
    (tmp_path / "short").mkdir()
    deep = tmp_path / ("x" * 100)
    deep.symlink_to(tmp_path / "short")
    assert Engine(deep).socket == tmp_path.resolve() / "short/docker.sock"


def test_an_engine_that_cannot_start_shows_its_last_words(own: Engine) -> None:
    own.directory.mkdir(parents=True)
    (own.directory / "data").write_text("a file where a folder should be")
    with pytest.raises(EngineError, match=r"dockerd does not start; the end of (?s:.*)data"):
        own.up()
    assert processes.read(own.pid_file) is None


def test_the_command_says_whether_it_runs(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "tools/docker.py"), "status", "--directory", str(tmp_path / "e")]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (answer.returncode, answer.stdout) == (1, "does not run\n")


def test_a_base_gets_another_name_when_what_makes_it_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = images_tool.references()
    assert len(set(before.values())) == 5
    for source in images_tool.BASE.iterdir():
        (tmp_path / source.name).write_bytes(source.read_bytes())
    monkeypatch.setattr(images_tool, "BASE", tmp_path)
    assert images_tool.references() == before
    (tmp_path / "Dockerfile").write_text("FROM scratch")
    assert not set(images_tool.references().values()) & set(before.values())
