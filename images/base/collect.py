"""Copies the files of a few Debian packages into an empty tree: a base without shell, package manager or documentation.

``python3 collect.py TARGET PACKAGE…``, in a Debian where those packages are installed. The packages' descriptions go to
/var/lib/dpkg/status.d, where scanners look for them in images without dpkg; their licences stay.
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

LEFT_OUT = re.compile(
    r"/usr/share/(doc(?!/[^/]+(/copyright)?$)|man|info|locale|lintian|bug|doc-base|python3)(/|$)"
    r"|/gconv(/|$)|/ensurepip(/|$)|/usr/share/ca-certificates(/|$)|/etc/(update-motd\.d|profile\.d|skel)(/|$)"
    r"|/usr/s?bin/(?!python3(\.11)?$)"
)
"""What nothing at run time reads: documentation, translations, glibc's encodings, pip's own copy, and every program but Python."""
FILES = {
    "etc/passwd": (
        "root:x:0:0:root:/:/nonexistent\nnobody:x:65534:65534:nobody:/:/nonexistent\natlas:x:10001:10001::/:/nonexistent\n"
    ),
    "etc/group": "root:x:0:\nnobody:x:65534:\natlas:x:10001:\n",
    "etc/nsswitch.conf": "hosts: files dns\n",
}
MERGED = ("bin", "lib", "lib64", "sbin")


def files_of(package: str) -> list[str]:
    """The paths that the package owns."""
    listed = subprocess.run(["dpkg", "--listfiles", package], capture_output=True, text=True, check=True).stdout
    return [line for line in listed.splitlines() if line.startswith("/") and line != "/."]


def collect(target: Path, packages: list[str]) -> None:
    for name in MERGED:
        (target / "usr" / name).mkdir(parents=True, exist_ok=True)
        (target / name).symlink_to(f"usr/{name}")
    for package in packages:
        for path in files_of(package):
            _copy(Path(path), target / path.lstrip("/"))
        status = subprocess.run(["dpkg", "--status", package], capture_output=True, text=True, check=True).stdout
        record = target / "var/lib/dpkg/status.d" / package.partition(":")[0]
        record.parent.mkdir(parents=True, exist_ok=True)
        record.write_text(status)
    _copy(Path("/etc/ssl/certs/ca-certificates.crt"), target / "etc/ssl/certs/ca-certificates.crt")
    for name, content in FILES.items():
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        (target / name).write_text(content)
    (target / "tmp").mkdir(exist_ok=True)
    (target / "tmp").chmod(0o1777)


def _copy(source: Path, target: Path) -> None:
    if LEFT_OUT.search(str(source)) or target.is_symlink() or (source.is_dir() and not source.is_symlink()):
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(source, target, follow_symlinks=False)


if __name__ == "__main__":
    collect(Path(sys.argv[1]), sys.argv[2:])
