"""The files of Debian's packages, for an image. The packages are only unpacked: nothing of them is run or installed here."""

import os
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

from tools.progress import SetupError, run

EXCLUDED_PACKAGES = (
    "adduser",
    "cron",
    "cron-daemon-common",
    "daemon",
    "debconf",
    "dpkg",
    "gcc-12-base",
    "init-system-helpers",
    "libfile-find-rule-perl",
    "libnumber-compare-perl",
    "libpam-modules",
    "libpam-modules-bin",
    "libpam-runtime",
    "libperl5.36",
    "libpython3-stdlib",
    "libpython3.11-minimal",
    "libpython3.11-stdlib",
    "libtext-glob-perl",
    "locales",
    "logrotate",
    "lsb-base",
    "passwd",
    "perl",
    "perl-base",
    "perl-modules-5.36",
    "postgresql-common",
    "python3",
    "python3-minimal",
    "python3.11",
    "python3.11-minimal",
    "socat",
    "ssl-cert",
    "sysvinit-utils",
    "tar",
    "ucf",
    "usrmerge",
)
"""Packages that others need for their installation and maintenance, but not to run."""
EXCLUDED_FOLDERS = (
    "usr/share/doc/",
    "usr/share/man/",
    "usr/share/locale/",
    "usr/share/lintian/",
    "usr/share/bug/",
    "var/",
    "run/",
)
MERGED_USR = ("bin", "sbin", "lib", "lib64", "lib32", "libx32")
"""Folders that Debian keeps below ``/usr``, with a link at the root."""


def archive_entries(packages: Sequence[str]) -> Iterator[tuple[tarfile.TarInfo, IO[bytes] | None]]:
    """The files of these packages and of their dependencies, as entries of a tar archive.

    Raises:
        SetupError: the packages cannot be downloaded.
    """
    for folder in MERGED_USR[:4]:
        link = tarfile.TarInfo(folder)
        link.type, link.linkname = tarfile.SYMTYPE, f"usr/{folder}"
        yield link, None
    with tempfile.TemporaryDirectory() as scratch:
        for file in download(packages, Path(scratch)):
            with (
                subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(file)], stdout=subprocess.PIPE) as unpacked,
                tarfile.open(fileobj=unpacked.stdout, mode="r|") as archive,
            ):
                for entry in archive:
                    if _normalize(entry):
                        yield entry, archive.extractfile(entry) if entry.isreg() else None


def _normalize(entry: tarfile.TarInfo) -> bool:
    """Move the entry below ``/usr``, and make it root's and of 1970. False when it is to be left out."""
    entry.name = _usr_path(entry.name)
    if entry.islnk():
        entry.linkname = _usr_path(entry.linkname)
    entry.mode &= 0o1777  # no setuid and setgid
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    entry.mtime = 0
    entry.pax_headers = {}
    included = not f"{entry.name}/".startswith(EXCLUDED_FOLDERS) and entry.name not in ("", ".", *MERGED_USR)
    return included and (entry.isreg() or entry.isdir() or entry.issym() or entry.islnk())


def _usr_path(path: str) -> str:
    name = path.removeprefix("./").strip("/")
    return f"usr/{name}" if name.partition("/")[0] in MERGED_USR else name


def download(packages: Sequence[str], scratch: Path) -> list[Path]:
    """Download the packages with all their dependencies, whether these are installed here or not, as files below ``scratch``.

    Raises:
        SetupError: the packages cannot be downloaded.
    """
    (scratch / "archives/partial").mkdir(parents=True)
    (scratch / "status").touch()
    command = [
        "apt-get",
        f"--option=Dir::State::status={scratch / 'status'}",
        f"--option=Dir::Cache::archives={scratch / 'archives'}",
        "--option=APT::Sandbox::User=root",
        "install",
        "--download-only",
        "--yes",
        "--no-install-recommends",
        *packages,
    ]
    run(
        " ".join(packages),
        command,
        cwd=scratch,
        environment={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
        hint=lambda _: "fix: apt-get update; the images of the data services are made from Debian 12's packages",
    )
    files = sorted((scratch / "archives").glob("*.deb"))
    if not files:
        raise SetupError(f"apt-get fetched nothing for {' '.join(packages)}")
    return [file for file in files if file.name.partition("_")[0] not in EXCLUDED_PACKAGES]
