"""Finds the licence of each component in its own files and metadata: of caches and lock files, else of the package registries."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

from tools import debian_tree, golang, node_images
from tools.cache import Cache
from tools.licences.components import (
    DEBIAN,
    GO,
    IMAGE,
    NPM,
    PYTHON,
    Component,
    npm_entries,
    page_licences,
    repository_files,
)
from tools.licences.policy import UNKNOWN, Policy, normalize

LICENCE_FILE = re.compile(r"(?i)^(un)?licen[cs]e|^copying|^mit-license|licen[cs]e(\.\w+)?$")
MIN_PERCENT = 40
"""Less of a text than this does not say under what it is: other words may change it."""
_FAMILIES = re.compile(r"^(A?GPL|LGPL|GFDL)-[\d.]+$")
_CLASSIFIERS: Mapping[str, str] = {
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD-3-Clause",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
}
"""Python's own names of licences, where a package says nothing else."""

Licences = dict[Component, str]


class Lookup:
    """Looks licences up for a clone at ``root``. ``scratch`` is an empty folder for what has to be fetched."""

    def __init__(self, root: Path, scratch: Path, policy: Policy) -> None:
        self._root, self._scratch, self._policy = root, scratch, policy

    def licences(self, components: Iterable[Component]) -> Licences:
        """The licence of each component, and of the packages that Debian's need. ``UNKNOWN`` where none is found."""
        wanted: dict[str, list[Component]] = {}
        for component in components:
            wanted.setdefault(component.kind, []).append(component)
        find = {GO: self._go, NPM: self._npm, PYTHON: self._python, DEBIAN: self._debian, IMAGE: self._images}
        found: Licences = {}
        for kind, some in wanted.items():
            found |= find[kind](some)
        return {component: self.by_hand(component, licence) for component, licence in found.items()}

    def by_hand(self, component: Component, licence: str) -> str:
        """What a person read of this very version, else ``licence``."""
        return self._policy.read_by_hand.get(str(component), licence)

    def _images(self, images: Sequence[Component]) -> Licences:
        """An image has no file that says it: a person reads it."""
        return dict.fromkeys(images, UNKNOWN)

    def _go(self, modules: Sequence[Component]) -> Licences:
        folder = self._scratch / "go"
        folder.mkdir()
        needed = golang.needed_release(sorted(self._root.glob("tools/*/go.mod")))
        go = golang.on_path(needed) or golang.fetch(needed, Cache.of_user())
        answer = subprocess.run(
            [go.command, "mod", "download", "-json", *(f"{module.name}@{module.version}" for module in modules)],
            cwd=folder,
            env=go.environment,
            capture_output=True,
            text=True,
            check=False,  # a module that nothing links may not be there
        )
        folders = {(each["Path"], each["Version"]): each["Dir"] for each in _documents(answer.stdout) if "Dir" in each}
        files = {
            module: _licence_files(Path(folders[module.name, module.version]))
            for module in modules
            if (module.name, module.version) in folders
        }
        texts = classify([file for each in files.values() for file in each])
        return {module: _joined(texts[file] for file in files.get(module, [])) for module in modules}

    def _npm(self, packages: Sequence[Component]) -> Licences:
        said: dict[Component, str] = {
            Component(NPM, name, version): licence for name, version, licence in page_licences(self._root)
        }
        for lock in repository_files(self._root):
            if not lock.endswith("package-lock.json"):
                continue
            for path, package in npm_entries((self._root / lock).read_text()):
                name = package.get("name") or path.rpartition("node_modules/")[2]
                said.setdefault(Component(NPM, name, package["version"]), package.get("license", ""))
        return {package: normalize(said.get(package, "")) or _npm_view(package) or UNKNOWN for package in packages}

    def _python(self, packages: Sequence[Component]) -> Licences:
        found: Licences = {}
        waiting = list(packages)
        while waiting:
            batch = {package.name: package for package in reversed(waiting)}  # one version of each
            waiting = [package for package in waiting if package not in batch.values()]
            target = self._scratch / f"python-{len(waiting)}"
            command = ["uv", "pip", "install", "--quiet", "--no-deps", "--only-binary=:all:", f"--target={target}"]
            subprocess.run(
                [*command, *(f"{package.name}=={package.version}" for package in batch.values())],
                cwd=self._scratch,
                check=True,
            )
            installed = {str(canonicalize_name(each.name)): each for each in distributions(path=[str(target)])}
            files = {name: _distribution_files(each) for name, each in installed.items()}
            texts = classify([file for each in files.values() for file in each])
            for name, package in batch.items():
                found[package] = _python_licence(installed[name], [texts[file] for file in files[name]])
        return found

    def _debian(self, packages: Sequence[Component]) -> Licences:
        copyrights = self._scratch / "copyright"
        copyrights.mkdir()
        for image in node_images.debian_images():
            folder = self._scratch / f"debian-{image.name}"
            folder.mkdir()
            for file in debian_tree.download(image.packages, folder):
                _unpack_copyright(file, copyrights)
        for package in packages:
            if (copyrights / package.name).exists():
                continue
            here = Path("/usr/share/doc", package.name, "copyright")
            if here.exists():
                shutil.copyfile(here, copyrights / package.name)
                continue
            folder = self._scratch / f"deb-{package.name}"
            folder.mkdir()
            subprocess.run(
                ["apt-get", "download", "--quiet", package.name], cwd=folder, check=True, capture_output=True
            )
            _unpack_copyright(next(folder.glob("*.deb")), copyrights)
        texts = classify(sorted(copyrights.iterdir()))
        return {Component(DEBIAN, file.name, ""): _debian_licence(file, text) for file, text in texts.items()}


def classify(files: Sequence[Path]) -> dict[Path, list[str]]:
    """The SPDX names of the licences that each of these texts contains. None when too much of it is something else."""
    if not files:
        return {}
    answer = subprocess.run(
        ["licence-classifier"], input="".join(f"{file}\n" for file in files), capture_output=True, text=True, check=True
    )
    return {
        Path(path): [_spdx(name) for name in found["licences"]] if found["percent"] >= MIN_PERCENT else []
        for path, found in json.loads(answer.stdout).items()
    }


def _spdx(name: str) -> str:
    return f"{name}-only" if _FAMILIES.match(name) else name


def _joined(texts: Iterable[Sequence[str]]) -> str:
    """The licences of all these texts together."""
    names = sorted({name for text in texts for name in text})
    return " AND ".join(names) or UNKNOWN


def _licence_files(folder: Path) -> list[Path]:
    return sorted(file for file in folder.iterdir() if file.is_file() and LICENCE_FILE.search(file.name))


def _documents(text: str) -> list[dict[str, Any]]:
    """JSON objects that follow one another."""
    decoder, documents, at = json.JSONDecoder(), list[dict[str, Any]](), 0
    while at < len(text.rstrip()):
        document, at = decoder.raw_decode(text, at + len(text[at:]) - len(text[at:].lstrip()))
        documents.append(document)
    return documents


def _npm_view(package: Component) -> str | None:
    """What the registry says, also in the old form of a list."""
    answer = subprocess.run(
        ["npm", "view", f"{package.name}@{package.version}", "license", "licenses", "--json"],
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(answer.stdout or "null")  # the only field that there is, without its name
    if isinstance(found, dict):
        found = found.get("license") or found.get("licenses")
    if isinstance(found, list):
        found = " OR ".join(each.get("type", "") for each in found)
    return normalize(found) if isinstance(found, str) else None


def _distribution_files(distribution: Distribution) -> list[Path]:
    """The licence files beside a package's metadata."""
    return [
        Path(str(distribution.locate_file(file)))
        for file in distribution.files or []
        if ".dist-info" in str(file) and LICENCE_FILE.search(file.name)
    ]


def _python_licence(distribution: Distribution, texts: Iterable[Sequence[str]]) -> str:
    metadata = distribution.metadata
    said = "".join((metadata.get_all("License-Expression") or metadata.get_all("License") or [])[:1])
    if len(said) < 100 and (expression := normalize(said)):
        return expression
    if (joined := _joined(texts)) != UNKNOWN:
        return joined
    names = [each.rpartition(" :: ")[2] for each in metadata.get_all("Classifier") or [] if each.startswith("License")]
    return " AND ".join(_CLASSIFIERS[name] for name in names if name in _CLASSIFIERS) or UNKNOWN


def _unpack_copyright(package: Path, target: Path) -> None:
    """Write the copyright file of a .deb to ``target``, under the package's name."""
    name = package.name.partition("_")[0]
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(package)], stdout=subprocess.PIPE) as unpacked:
        answer = subprocess.run(
            ["tar", "--extract", "--to-stdout", "--wildcards", "./usr/share/doc/*/copyright"],
            stdin=unpacked.stdout,
            capture_output=True,
            check=False,
        )
    if answer.stdout:
        (target / name).write_bytes(answer.stdout)


def _debian_licence(file: Path, classified: Sequence[str]) -> str:
    """The names in Debian's own form (DEP 5), else what the text contains or refers to."""
    text = file.read_text(errors="replace")
    names = {name.strip() for name in re.findall(r"^License:[ \t]*(\S.*)$", text, re.MULTILINE)}
    if not names:
        names = {*classified, *re.findall(r"/usr/share/common-licenses/([\w.-]*\w)", text)}
    return "; ".join(sorted(names)).replace("|", "/") or UNKNOWN
