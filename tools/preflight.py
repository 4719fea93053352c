"""Checks of the machine before a long set-up begins. All that is missing is told in one message, each with its fix."""

import importlib.util
import platform
import shutil
import ssl
import tempfile
from dataclasses import dataclass
from pathlib import Path

GIB = 2**30
LINUX = "Linux"
MACHINES = {LINUX: ("x86_64", "aarch64"), "Darwin": ("x86_64", "arm64")}
"""The systems on which the engine and the tests run, with their processors. The embedded cluster needs Linux."""


@dataclass(frozen=True)
class Issue:
    """Something that is missing or wrong, and what to do about it."""

    what: str
    fix: str

    def __str__(self) -> str:
        return f"- {self.what}\n    fix: {self.fix}"


@dataclass(frozen=True, kw_only=True)
class Requirements:
    """What a set-up needs of the machine."""

    environments: bool = False
    """Whether a virtual environment is made by Python's own ``venv`` module (for uv, Go or the checkers)."""
    cluster: bool = False
    """Whether the embedded cluster is to run."""
    writable: tuple[Path, ...] = ()
    space: tuple[tuple[Path, int], ...] = ()
    """Directories, with the bytes to be written there."""
    memory: int = 0
    """Bytes."""


def find_issues(requirements: Requirements) -> list[Issue]:
    """What this machine does not meet."""
    found: list[Issue] = []
    if platform.machine() not in MACHINES.get(platform.system(), ()):
        found.append(
            Issue(
                f"{platform.system()} on {platform.machine()}",
                "use Linux or macOS on x86-64 or ARM, also as a virtual machine",
            )
        )
    elif requirements.cluster and not is_linux():
        found.append(
            Issue(
                f"the embedded cluster needs Linux, and this is {platform.system()}",
                "use a virtual machine with Linux, or kind: make up STACK=local-kind (docs/local-cluster.md)",
            )
        )
    if requirements.environments and importlib.util.find_spec("ensurepip") is None:
        found.append(Issue("Python cannot make virtual environments", "apt-get install python3-venv"))
    found += [
        Issue(f"{command} is not on PATH", f"apt-get install {command}, or your system's way")
        for command in ("git", "make")
        if shutil.which(command) is None
    ]
    if is_linux() and not _has_ca_certificates():
        found.append(
            Issue("no certificate authorities, so nothing can be downloaded", "apt-get install ca-certificates")
        )
    found += [
        Issue(
            f"{path} cannot be written ({trouble})",
            "give yourself the right, or set ATLAS_CACHE, GOCACHE and GOMODCACHE",
        )
        for path in requirements.writable
        if (trouble := _unwritable(path))
    ]
    found += _missing_space(requirements.space)
    available = _available_memory()
    if available is not None and available < requirements.memory:
        found.append(
            Issue(
                f"{available / GIB:.1f} GiB of memory are free, building needs {requirements.memory / GIB:.0f}",
                "close something, or add swap",
            )
        )
    return found


def is_linux() -> bool:
    """Whether this is the system of the embedded cluster and its node."""
    return platform.system() == LINUX


def message(issues: list[Issue]) -> str:
    """One message for all of them."""
    count = "one thing is" if len(issues) == 1 else f"{len(issues)} things are"
    return "\n".join([f"setup: {count} missing; nothing was built.", *(str(issue) for issue in issues)])


def _has_ca_certificates() -> bool:
    paths = ssl.get_default_verify_paths()
    if paths.cafile and Path(paths.cafile).is_file():
        return True
    return bool(paths.capath) and any(Path(paths.capath).iterdir())


def _unwritable(path: Path) -> str | None:
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            return None
    except OSError as error:
        return error.strerror or str(error)


def _missing_space(wanted: tuple[tuple[Path, int], ...]) -> list[Issue]:
    """Directories on the same file system need the sum of their bytes."""
    by_device: dict[int, tuple[list[Path], int]] = {}
    for path, size in wanted:
        existing = next(p for p in (path, *path.parents) if p.exists())
        paths, total = by_device.get(existing.stat().st_dev, ([], 0))
        by_device[existing.stat().st_dev] = ([*paths, path], total + size)
    found: list[Issue] = []
    for paths, total in by_device.values():
        existing = next(p for p in (paths[0], *paths[0].parents) if p.exists())
        free = shutil.disk_usage(existing).free
        if free < total:
            names = ", ".join(str(path) for path in paths)
            found.append(
                Issue(
                    f"{free / GIB:.1f} GiB are free for {names}; {total / GIB:.0f} are needed",
                    "free space, or set ATLAS_CACHE, GOCACHE and GOMODCACHE to a bigger disk",
                )
            )
    return found


def memory() -> dict[str, int]:
    """This machine's memory in bytes, by the names of proc_meminfo(5): ``MemTotal``, ``MemAvailable``."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    return {name: int(rest.split()[0]) * 1024 for name, _, rest in (line.partition(":") for line in lines)}


def _available_memory() -> int | None:
    try:
        have = memory()
    except FileNotFoundError:
        return None
    return have.get("MemAvailable", 0) + have.get("SwapFree", 0)
