"""An environment into which the package has been installed as a team would; ``python installed.py`` prints its interpreter."""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).parents[1]
LIBRARIES = ("aio-pika==9.6.2", "aiohttp>=3.12", "redis>=6", "structlog>=25")
"""What the hosts of the tests and of the benchmark use, and the package does not bring."""
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


if __name__ == "__main__":
    print(environment())
