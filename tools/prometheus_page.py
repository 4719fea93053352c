"""Prometheus' page: built from the sources in its Go module, with the packages that their own lock file names.

The module has the sources and no built page, so a plain build answers every page with an error.
"""

import shutil
from collections.abc import Mapping
from pathlib import Path

from tools.paths import TOOLS
from tools.progress import run

PINS = TOOLS / "prometheus-page"
"""The pinned package manager that the page's lock file is made for, and what is changed in that file."""
SERVED = PINS / "served.patch"
"""npm's registry does not serve each version of the lock file: another one takes its place."""
TAG = "builtinassets"
"""The build tag by which Prometheus embeds its page."""
LICENCES = "third-party-licenses.txt"
"""What the page is made of, with the licences: its own build writes it."""
RECIPE = "1"
"""A part of the key: raise it when the way of building changes."""
MEMORY_MIB = 1536
SECONDS = 900
"""For each step. On two cores the slowest takes one minute."""


def pins() -> list[Path]:
    """The files that the page is made from, beside Prometheus' module. Node.js only runs the pinned programs."""
    return [PINS / "package.json", PINS / "package-lock.json", SERVED]


def build(module: Path, scratch: Path, environment: Mapping[str, str]) -> Path:
    """A copy of Prometheus' module in ``scratch`` that has the built page. PATH in ``environment`` has to lead to Node.js.

    No package runs a script of its own when it is installed. What the page is made of is in ``LICENCES`` beside the copy.

    Raises:
        SetupError: a step failed.
    """
    manager = scratch / "pnpm"
    shutil.copytree(PINS, manager)
    copy = scratch / "prometheus"
    shutil.copytree(module, copy)
    run("unlock", ["chmod", "--recursive", "u+w", str(copy)], cwd=scratch, environment=environment)
    run(
        SERVED.name,
        ["git", "apply", str(SERVED)],
        cwd=copy,
        environment={**environment, "GIT_CEILING_DIRECTORIES": str(scratch)},  # the copy is in no repository
        hint=lambda _: (
            f"fix: {SERVED} is for another version of Prometheus; make it for this one, or empty if all is served"
        ),
    )
    # The user's own store and caches stay as they are; the user's registries and authorities are taken.
    folders = {name: str(scratch / name) for name in ("XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME")}
    own = {
        **environment,
        **folders,
        "PATH": f"{manager / 'node_modules/.bin'}:{environment['PATH']}",
        "NODE_OPTIONS": f"--max-old-space-size={MEMORY_MIB}",
        "CI": "true",
        "npm_config_ignore_scripts": "true",
    }
    _step("pnpm", ["npm", "ci", "--no-audit", "--no-fund"], manager, own)
    page = copy / "web" / "ui"
    _step(
        "packages of Prometheus' page",
        ["pnpm", "install", "--frozen-lockfile", "--ignore-scripts", "--filter", "@prometheus-io/mantine-ui..."],
        page,
        own,
    )
    _step("Prometheus' page", ["bash", "build_ui.sh", "--mantine-ui"], page, own)
    shutil.copyfile(page / "static" / "mantine-ui" / "assets" / LICENCES, scratch / LICENCES)
    _step("Prometheus' page", ["bash", "scripts/compress_assets.sh"], copy, own)
    return copy


def _step(what: str, command: list[str], folder: Path, environment: Mapping[str, str]) -> None:
    """Run a command with all its processes, for ``SECONDS`` at most."""
    run(what, ["timeout", str(SECONDS), *command], cwd=folder, environment=environment, hint=_hint)


def _hint(output: str) -> str:
    if "heap out of memory" in output or "Killed" in output:
        return f"fix: more memory; building the page needs {MEMORY_MIB} MiB"
    if any(word in output for word in ("ENOTFOUND", "ECONNREFUSED", "ETIMEDOUT", "CERT", "ERR_PNPM_META_FETCH_FAIL")):
        return "fix: let npm reach its registry (npm config set registry, HTTPS_PROXY, NODE_EXTRA_CA_CERTS)"
    return ""
