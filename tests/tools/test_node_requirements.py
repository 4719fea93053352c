"""A machine on which no node can run: one message says all that is missing, and the cluster has no node."""

import os
import platform
from pathlib import Path

import pytest

from tools import control_groups, debian, node_requirements


def test_without_root_nothing_else_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    (problem,) = node_requirements.missing()

    said = node_requirements.message([problem])
    assert "you are not root" in said
    assert "no pod starts" in said
    assert "kind" in said


def test_another_system_is_told_before_all_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "system", lambda: "Darwin")
    monkeypatch.setattr(control_groups, "MOUNTS", Path("/nowhere"))

    assert [issue.what for issue in node_requirements.missing()] == ["this is not Linux"]


def test_all_that_is_missing_is_in_one_message(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    mounts = tmp_path / "mounts"
    (tmp_path / "cpu").mkdir()
    mounts.write_text(f"cgroup {tmp_path}/cpu cgroup rw,cpu 0 0\n")
    monkeypatch.setattr(control_groups, "MOUNTS", mounts)
    monkeypatch.setattr(debian, "missing_packages", lambda _: [])
    monkeypatch.setattr(node_requirements, "PROBES", {"echo no such thing >&2; false": "mounts", "true": "networks"})

    said = node_requirements.message(node_requirements.missing())
    assert "no control groups for cpuset, memory, pids" in said
    assert "no mounts (no such thing)" in said
    assert "networks" not in said


def test_programs_that_set_up_cannot_install_are_named_by_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(debian, "missing_packages", lambda _: ["containerd"])
    monkeypatch.setattr(debian.shutil, "which", lambda *_, **__: None)

    assert any("apt-get install containerd" in str(problem) for problem in node_requirements.missing())


@pytest.mark.parametrize("version", [1, 2])
def test_controllers_are_found_in_both_versions(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, version: int) -> None:
    mounts = tmp_path / "mounts"
    if version == 1:
        for name in ("cpu,cpuacct", "memory"):
            (tmp_path / name).mkdir()
        mounts.write_text("".join(f"cgroup {tmp_path}/{name} cgroup rw 0 0\n" for name in ("cpu,cpuacct", "memory")))
    else:
        (tmp_path / "cgroup.controllers").write_text("cpu memory pids\n")
        mounts.write_text(f"cgroup2 {tmp_path} cgroup2 rw 0 0\nproc /proc proc rw 0 0\n")
    monkeypatch.setattr(control_groups, "MOUNTS", mounts)

    assert {"cpu", "memory"} <= control_groups.controllers()
