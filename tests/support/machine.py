"""What a test needs of its machine beyond the built tools: a server of Debian's, root, the system of the embedded cluster.

Where it is missing the test skips and says why. In continuous integration (CI=true), and where set-up could have installed it, a
missing one is a failure: nothing else tests what that test does.
"""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

import pytest

from tools import debian, preflight


def missing(reason: str, *, installable: bool = False) -> NoReturn:
    """Skip or fail. ``installable``: it is a package that set-up installs where it can."""
    if is_ci(os.environ):
        pytest.fail(f"{reason}; in continuous integration nothing may be missing")
    if installable and debian.can_install():
        pytest.fail(f"{reason}; `make setup` installs it")
    pytest.skip(reason)


def is_ci(environment: Mapping[str, str]) -> bool:
    return environment.get("CI", "") not in ("", "false")


def require_program(name: str, package: str, *folders: Path) -> str:
    """The path of a program of a Debian package, also in ``folders`` outside PATH."""
    path = os.pathsep.join([*map(str, folders), os.environ.get("PATH", os.defpath), *debian.SEARCH_PATH])
    return shutil.which(name, path=path) or missing(
        f"{name} is not on this machine (Debian's package {package})", installable=True
    )


def require_linux() -> None:
    """The embedded cluster runs on Linux alone."""
    if not preflight.is_linux():
        missing("the embedded cluster needs Linux")


def require_root(what: str) -> None:
    """``what`` can be done by root alone."""
    if os.geteuid() != 0:
        missing(f"{what} needs root")
