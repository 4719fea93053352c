"""Environments with the package, installed as a team would; ``python installed.py`` prints the newest one's interpreter."""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).parents[1]
LIBRARIES = (
    "aio-pika==10.2.1",
    "aiohttp==3.14.5",
    "asyncpg==0.32.0",
    "colorlog==6.12.0",
    "django==5.2.19",
    "fastapi==0.165.0",
    "flask==3.1.3",
    "gunicorn==27.0.1",
    "loguru==0.7.3",
    "opentelemetry-instrumentation-aiohttp-server==0.66b1",
    "opentelemetry-instrumentation-fastapi==0.66b1",
    "prometheus-fastapi-instrumentator==8.1.0",
    "psycopg==3.3.9",
    "psycopg-binary==3.3.9",
    "python-json-logger==4.2.0",
    "redis==8.1.0",
    "rich==15.0.0",
    "structlog==26.1.0",
    "tqdm==4.70.1",
    "uvicorn-worker==0.4.0",
    "uvicorn==0.54.0",
    "uvloop==0.23.0",
    "websockets==17.4",
)
"""What the hosts of the tests and of the benchmark use, and the package does not bring: the newest of each."""
KEPT = PACKAGE.parents[2] / ".local/instrumentation"


def environment() -> Path:
    """The interpreter, with the package at its locked versions and the libraries. Kept by what went in."""
    sources = [
        *sorted((PACKAGE / "src").rglob("*.p*")),
        *(PACKAGE / name for name in ("setup.py", "pyproject.toml", "requirements.txt")),
    ]
    state = hashlib.sha256(f"{sys.version_info[:2]}{LIBRARIES}".encode())
    for file in sources:
        if file.is_file() and "__pycache__" not in file.parts:
            state.update(file.read_bytes())
    folder = KEPT / f"python-{state.hexdigest()[:16]}"
    if not (folder / "whole").exists():
        shutil.rmtree(folder, ignore_errors=True)
        built = folder / "source"
        shutil.copytree(PACKAGE, built, ignore=shutil.ignore_patterns("tests", "__pycache__", "*.egg-info", "build"))
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        pip = [folder / "bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "--require-hashes", "-r", built / "requirements.txt"], check=True)
        subprocess.run([*pip, "--no-deps", built], check=True)
        subprocess.run([*pip, *LIBRARIES], check=True)
        (folder / "whole").touch()
    return folder / "bin/python"


def with_libraries(interpreter: Path, libraries: tuple[str, ...]) -> Path:
    """An interpreter with these libraries before the ones of ``interpreter``, of which it has all else. Kept by the libraries."""
    state = hashlib.sha256(f"{sys.version_info[:2]}{libraries}".encode())
    folder = KEPT / f"python-with-{state.hexdigest()[:16]}"
    packages = folder / f"lib/python{sys.version_info[0]}.{sys.version_info[1]}/site-packages"
    if not (folder / "whole").exists():
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([interpreter, "-m", "venv", "--without-pip", folder], check=True)
        pip = [interpreter, "-m", "pip", "--disable-pip-version-check", "--python", folder / "bin/python", "install"]
        subprocess.run([*pip, "--quiet", "--ignore-installed", *libraries], check=True)
        (folder / "whole").touch()
    below = interpreter.parents[1] / packages.relative_to(folder)
    (packages / "below.pth").write_text(f"import site; site.addsitedir({str(below)!r})\n")
    return folder / "bin/python"


if __name__ == "__main__":
    print(environment())
