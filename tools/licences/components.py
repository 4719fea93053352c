"""What this repository builds, installs or deploys from others, as its own lock files and pins say. No network is asked."""

import json
import re
import subprocess
import tomllib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import yaml
from packaging.markers import Marker
from packaging.utils import canonicalize_name

from tools import debian, node_images, node_requirements, prometheus_page

GO, NPM, PYTHON, IMAGE, DEBIAN = "Go module", "npm package", "Python package", "container image", "Debian package"
PAGE_LICENCES = Path(".local/share/prometheus-page", prometheus_page.LICENCES)
"""What Prometheus' page is made of, beside the built program."""


@dataclass(frozen=True, order=True)
class Component:
    """One thing of others. Debian's packages have no version: the newest is taken."""

    kind: str
    name: str
    version: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name} {self.version}".rstrip()


Found = Iterator[Component]
_MACHINE = {
    "implementation_name": "cpython",
    "os_name": "posix",
    "platform_system": "Linux",
    "python_full_version": "3.11.9",
    "python_version": "3.11",
    "sys_platform": "linux",
}
"""For which a lock file's conditions are judged: Linux, with the Python that the images have."""


def find_components(root: Path) -> dict[Component, list[str]]:
    """All components, each with the files that name it. Paths are relative to ``root``, a clone of this repository."""
    found: dict[Component, set[str]] = {}
    for path in repository_files(root):
        for pattern, read in READERS:
            if fnmatchcase(path, pattern):
                for component in read((root / path).read_text()):
                    found.setdefault(component, set()).add(path)
                break
    for component in _machine_packages():
        found.setdefault(component, set()).add("tools/debian.py, tools/node_requirements.py")
    for component in _image_packages():
        found.setdefault(component, set()).add("tools/node_images.py")
    for component in page_packages(root):
        found.setdefault(component, set()).add("the page of Prometheus")
    return {component: sorted(found[component]) for component in sorted(found)}


def go_modules(text: str) -> Found:
    """The modules that a go.mod requires: since Go 1.17 these are all whose packages are built, also those of others' needs.

    A module that another one replaces is named by that one; one that is a folder of this repository is ours.
    """
    required: list[tuple[str, str]] = []
    replaced: dict[str, tuple[str, str] | None] = {}
    block = ""
    for line in text.splitlines():
        words = line.partition("//")[0].split()
        if not words:
            continue
        if words[0] == ")":
            block = ""
        elif words[-1] == "(":
            block = words[0]
        else:
            directive, *arguments = [block, *words] if block else words
            if directive == "require":
                required.append((arguments[0], arguments[1]))
            elif directive == "replace":
                arrow = arguments.index("=>")
                name, *version = arguments[arrow + 1 :]
                replaced[arguments[0]] = (name, version[0]) if version else None
    for name, version in required:
        module = replaced.get(name, (name, version))
        if module:
            yield Component(GO, *module)


def npm_packages(text: str) -> Found:
    """The packages of a package-lock.json, for all platforms."""
    for path, package in npm_entries(text):
        yield Component(NPM, package.get("name") or path.rpartition("node_modules/")[2], package["version"])


def npm_entries(text: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Path and entry of each package of others in a package-lock.json."""
    for path, package in json.loads(text)["packages"].items():
        if path and not package.get("link"):
            yield path, package


def uv_packages(text: str) -> Found:
    """The packages of a uv.lock, for all platforms."""
    for package in tomllib.loads(text)["package"]:
        if "registry" in package["source"]:
            yield Component(PYTHON, package["name"], package["version"])


def requirements(text: str) -> Found:
    """The packages that are pinned with ``==``, without those that only other systems get."""
    for name, version, marker in re.findall(
        r"(?<![\w.-])([A-Za-z0-9][\w.-]*)(?:\[[\w,-]+\])?==([\w.!+]+)(?: *; *([^\\\n]+))?", text
    ):
        if not marker or Marker(marker.strip()).evaluate(_MACHINE):
            yield Component(PYTHON, canonicalize_name(name), version)


def addable_npm_packages(text: str) -> Found:
    for name, version in yaml.safe_load(text).items():
        yield Component(NPM, name, version)


def images(text: str) -> Found:
    """The images that are named by tag and digest, or by the digest of a stage."""
    for name, tag in re.findall(r"([\w./-]+):([\w.-]+)@sha256:[0-9a-f]{64}", text):
        yield Component(IMAGE, name, tag)


def dockerfile(text: str) -> Found:
    """The images that it begins with, and Debian's packages that it installs or copies."""
    yield from images(text)
    joined = text.replace("\\\n", " ")
    for words in re.findall(r"apt-get install((?: +[\w.+-]+)+)|collect\.py /\w+((?: +[\w.+-]+)+)", joined):
        for word in " ".join(words).split():
            if not word.startswith("-"):
                yield Component(DEBIAN, word, "")


READERS: Sequence[tuple[str, Callable[[str], Found]]] = (
    ("*go.mod", go_modules),
    ("*package-lock.json", npm_packages),
    ("*uv.lock", uv_packages),
    ("*requirements.txt", requirements),
    ("tools/*.txt", requirements),
    ("images/base/node.txt", requirements),
    ("images/python/addable_packages.yaml", requirements),
    ("images/instrumentation/python/tests/installed.py", requirements),
    ("images/instrumentation/python/tests/oldest.py", requirements),
    ("images/node/addable_packages.yaml", addable_npm_packages),
    ("images/upstream.yaml", images),
    ("*Dockerfile", dockerfile),
)
"""Which files name components, and how each is read."""


def page_packages(root: Path) -> Found:
    """The npm packages in the page of the built Prometheus, which its own build lists."""
    for name, version, _ in page_licences(root):
        yield Component(NPM, name, version)


def page_licences(root: Path) -> list[tuple[str, str, str]]:
    """Name, version and licence of each package in the page of the built Prometheus."""
    file = root / PAGE_LICENCES
    if not file.exists():
        raise FileNotFoundError(f"{file} is missing; fix: make setup, which builds Prometheus with its page")
    text = file.read_text()
    return re.findall(r"^Name: (\S+)\nVersion: (\S+)\nLicense: (.+)$", text, re.MULTILINE)


def _machine_packages() -> Found:
    for package in {*debian.PROGRAMS.values(), *node_requirements.PROGRAMS.values()}:
        yield Component(DEBIAN, package, "")


def _image_packages() -> Found:
    for image in node_images.debian_images():
        for package in image.packages:
            yield Component(DEBIAN, package, "")


def repository_files(root: Path) -> list[str]:
    """Every file that is tracked, or new and not ignored."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout
    return sorted(path for path in listed.split("\0") if path and (root / path).is_file())
