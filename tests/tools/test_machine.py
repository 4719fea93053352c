"""A test that needs more than its machine has skips and says why, and fails where nothing may be missing."""

import os
import platform

import pytest

from tests.support import machine
from tools import debian

OUTCOMES = (pytest.skip.Exception, pytest.fail.Exception)
"""Both are caught: a skip where a failure is right would only skip the test of it."""


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine of an unprivileged user, without Debian's programs."""
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(machine.shutil, "which", lambda *_, **__: None)


@pytest.mark.usefixtures("bare")
def test_a_missing_server_skips_with_its_package() -> None:
    with pytest.raises(pytest.skip.Exception, match=r"redis-server is not on this machine \(Debian's package redis\)"):
        machine.require_program("redis-server", "redis")


@pytest.mark.usefixtures("bare")
def test_it_is_a_failure_where_set_up_could_have_installed_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(debian, "can_install", lambda: True)
    with pytest.raises(OUTCOMES, match="`make setup` installs it") as told:
        machine.require_program("redis-server", "redis")
    assert told.type is pytest.fail.Exception


@pytest.mark.usefixtures("bare")
def test_in_continuous_integration_whatever_is_missing_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    monkeypatch.setattr(platform, "system", lambda: "Darwin")
    for required in (
        lambda: machine.require_program("redis-server", "redis"),
        lambda: machine.require_root("a mount"),
        machine.require_linux,
    ):
        with pytest.raises(OUTCOMES, match="in continuous integration nothing may be missing") as told:
            required()
        assert told.type is pytest.fail.Exception


@pytest.mark.usefixtures("bare")
def test_what_is_not_needed_here_skips(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(pytest.skip.Exception, match="a mount needs root"):
        machine.require_root("a mount")
    monkeypatch.setattr(platform, "system", lambda: "Darwin")
    with pytest.raises(pytest.skip.Exception, match="the embedded cluster needs Linux"):
        machine.require_linux()
