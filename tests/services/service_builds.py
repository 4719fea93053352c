"""The services built as their images build them, kept below ``.local/services`` by what went in: a second run is fast."""

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
SERVICES = ROOT / "services"
KEPT = ROOT / ".local/services"
KEPT_FILES = {"node_modules", ".installed", ".built", ".modules"}
NOT_SOURCES = {
    "node_modules",
    "test",
    "tests",
    "build",
    "dist",
    ".next",
    "__pycache__",
    "next-env.d.ts",
    "tsconfig.tsbuildinfo",
}


def node(service: str, extra: Path | None = None) -> Path:
    """Folder of a built Node service. ``extra`` is the folder of a package that is put beside its modules."""
    source = SERVICES / service
    folder = KEPT / f"{service}-{digest([source / 'package-lock.json'])}"
    with _alone(folder):
        if not (folder / ".installed").exists():
            shutil.rmtree(folder / "node_modules", ignore_errors=True)
            _copy(source, folder)
            _run(["npm", "ci", "--include=dev", "--ignore-scripts"], folder)
            (folder / ".installed").touch()
        built, now = folder / ".built", digest(_sources(source))
        if not built.exists() or built.read_text() != now:
            _copy(source, folder)
            _run(["npm", "run", "build"], folder)
            _complete(folder)
            built.write_text(now)
        if extra:
            _beside(folder, extra)
    return folder


def modules(package: Path) -> Path:
    """Folder of a copy of a package with its modules, where there is nothing to build."""
    folder = KEPT / f"{package.name}-{digest(_sources(package))}"
    with _alone(folder):
        if not (folder / ".installed").exists():
            _copy(package, folder)
            _run(["npm", "ci", "--ignore-scripts"], folder)
            (folder / ".installed").touch()
    return folder


def python(service: str, extra: Path | None = None) -> Path:
    """The interpreter of an environment that holds just what the service pins.

    ``extra`` is a package with pins of its own, that comes behind the service's, as in the images.
    """
    pins = SERVICES / service / "requirements.txt"
    folder = KEPT / f"{service}-{f'{extra.name}-' if extra else ''}{digest([pins])}"
    interpreter = folder / "bin/python"
    with _alone(folder):
        if not (folder / ".installed").exists():
            _run([sys.executable, "-m", "venv", "--clear", folder], ROOT)
            _run([interpreter, "-m", "pip", "install", "--quiet", "--require-hashes", "-r", pins], ROOT)
            (folder / ".installed").touch()
        if extra:
            line = f"import site; site.addsitedir({str(_installed(extra, interpreter))!r})\n"
            (next(folder.glob("lib/python3*/site-packages")) / "atlas.pth").write_text(line)
    return interpreter


def _installed(package: Path, interpreter: Path) -> Path:
    """Folder of a Python package and what it pins."""
    folder = KEPT / f"{package.parent.name}-{package.name}-{digest(_sources(package))}"
    with _alone(folder):
        if not (folder / ".installed").exists():
            pip = [interpreter, "-m", "pip", "install", "--quiet", "--upgrade", "--target", folder]
            _run([*pip, "--require-hashes", "-r", package / "requirements.txt"], ROOT)
            # A copy: building leaves folders beside the sources.
            with tempfile.TemporaryDirectory() as copy:
                shutil.copytree(package, copy, ignore=shutil.ignore_patterns(*NOT_SOURCES), dirs_exist_ok=True)
                _run([*pip, "--no-deps", copy], ROOT)
            (folder / ".installed").touch()
    return folder


def digest(files: Sequence[Path]) -> str:
    """Of the names and contents."""
    state = hashlib.sha256()
    for file in files:
        state.update(str(file).encode() + b"\0" + file.read_bytes() + b"\0")
    return state.hexdigest()[:16]


def _sources(folder: Path) -> list[Path]:
    found = []
    for path, folders, files in os.walk(folder):
        folders[:] = sorted(set(folders) - NOT_SOURCES)
        found += [Path(path) / file for file in sorted(files) if file not in NOT_SOURCES]
    return found


def _copy(source: Path, folder: Path) -> None:
    for old in folder.iterdir():
        if old.name not in KEPT_FILES:
            shutil.rmtree(old) if old.is_dir() else old.unlink()
    shutil.copytree(source, folder, ignore=shutil.ignore_patterns(*NOT_SOURCES), dirs_exist_ok=True)


def _complete(folder: Path) -> None:
    """What Next.js leaves out of its standalone server, which the image puts there as well."""
    standalone = folder / ".next/standalone"
    if standalone.exists():
        shutil.copytree(folder / ".next/static", standalone / ".next/static", dirs_exist_ok=True)
        shutil.copytree(folder / "public", standalone / "public", dirs_exist_ok=True)


def _beside(folder: Path, package: Path) -> None:
    """Install ``package`` as NODE_PATH finds it, outside the service's own modules: as in the images."""
    there = folder.with_name(f"{package.parent.name}-{package.name}-{digest(_sources(package))}")
    target = there / "node_modules/@atlas/instrumentation"
    if not (there / ".installed").exists():
        shutil.rmtree(there, ignore_errors=True)
        shutil.copytree(package, target, ignore=shutil.ignore_patterns(*NOT_SOURCES))
        _run(["npm", "ci", "--omit=dev", "--ignore-scripts"], target)
        (there / ".installed").touch()
    link = folder / ".modules"
    link.unlink(missing_ok=True)
    link.symlink_to(there / "node_modules")


def _run(command: Sequence[str | Path], folder: Path) -> None:
    environment = {**os.environ, "CI": "true", "NEXT_TELEMETRY_DISABLED": "1"}
    environment.pop("NODE_OPTIONS", None)
    ran = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert ran.returncode == 0, f"{' '.join(map(str, command))} in {folder}:\n{ran.stdout[-2000:]}{ran.stderr[-2000:]}"


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One builder of a folder at a time, also of several runs of the tests."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder.parent / f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
