"""The services built as their images build them, kept below ``.local/services`` by what went in: a second run is fast."""

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
SERVICES = ROOT / "services"
KEPT = ROOT / ".local/services"
KEPT_FILES = {"node_modules", ".installed", ".built", ".modules"}
NOT_SOURCES = {"node_modules", "dist", ".next", "__pycache__", "next-env.d.ts", "tsconfig.tsbuildinfo"}


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
    """The interpreter of an environment that holds just what the service pins. ``extra`` is a package with its own pins."""
    pins = SERVICES / service / "requirements.txt"
    sources = [pins, *(_sources(extra) if extra else [])]
    folder = KEPT / f"{service}-{'with-' + extra.name + '-' if extra else ''}{digest(sources)}"
    interpreter = folder / "bin/python"
    with _alone(folder):
        if not (folder / ".installed").exists():
            _run([sys.executable, "-m", "venv", "--clear", folder], ROOT)
            pip = [interpreter, "-m", "pip", "install", "--quiet"]
            _run([*pip, "--require-hashes", "-r", pins], ROOT)
            if extra:
                # The service's own versions stay where both pin one.
                _run([*pip, "--constraint", _plain(pins, folder / "pins.txt"), extra], ROOT)
            (folder / ".installed").touch()
    return interpreter


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
    place = there / "node_modules/@atlas/instrumentation"
    if not (there / ".installed").exists():
        shutil.rmtree(there, ignore_errors=True)
        shutil.copytree(package, place, ignore=shutil.ignore_patterns("test", *NOT_SOURCES))
        _run(["npm", "ci", "--omit=dev", "--ignore-scripts"], place)
        (there / ".installed").touch()
    link = folder / ".modules"
    link.unlink(missing_ok=True)
    link.symlink_to(there / "node_modules")


def _plain(pins: Path, to: Path) -> Path:
    lines = [line.split(" ")[0] for line in pins.read_text().splitlines() if line[:1].isalnum()]
    to.write_text("\n".join(lines) + "\n")
    return to


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
