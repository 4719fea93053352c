"""Where the images of the local stack's pods come from: pulled from a registry, or made on this machine.

Set-up asks once which can be pulled and writes the answer down; the loader keeps to it. What the node has already is not asked for
again, so that a stack keeps its images on a day without a network. It needs only Python's standard library, as set-up does.
"""

import json
import os
import re
from collections.abc import Collection
from pathlib import Path
from typing import Any

from tools import registry
from tools.node_images import BINARIES, debian_images
from tools.paths import ROOT
from tools.progress import SetupError

STACK_FILE = ROOT / "Pulumi.local.yaml"
PINS = ROOT / "images/upstream.yaml"
ANSWER = ROOT / ".local/image-sources.json"
VARIABLE = "ATLAS_REGISTRY"
"""The environment variable that takes the place of the local stack's setting ``registry``."""
BUILDABLE = frozenset({*BINARIES, *(image.name for image in debian_images())})
"""The images that this machine can make."""
PULLED, MADE = "pulled", "made"
_SCALAR = r"(?:\"([^\"]*)\"|'([^']*)'|([^\s#'\"{\[&*!|>][^\s#,}]*))"
"""A value of one word in YAML: in quotes or without."""


class ImageSources:
    """The images of pods, by workload: as the stack file names them, else as pinned, from its mirror.

    ``named`` are those that the stack file names: they are pulled and never made here. A placeholder in its place
    (``atlas/…:local``) is always made here.
    """

    def __init__(self, stack_file: str, pins: str, answer: Path = ANSWER) -> None:
        self.registry = _mirror(stack_file)
        images = _setting_images(stack_file)
        self.named = {name: reference for name, reference in images.items() if not is_placeholder(reference)}
        self._placeholders = images.keys() - self.named.keys()
        pinned = {name: in_mirror(reference, self.registry) for name, reference in _pairs(pins)}
        self._references = pinned | self.named
        self._file = answer
        known = _read(answer)
        self._unused: set[str] = set(known.get("unused", ()))
        self._asked: set[str] = set(known.get("asked", ()))
        self._errors: dict[str, str] = dict(known.get("errors", {}))
        self._loaded: dict[str, str] = dict(known.get("loaded", {}))

    @classmethod
    def of_local_stack(cls) -> "ImageSources":
        return cls(STACK_FILE.read_text(), PINS.read_text())

    @property
    def wanted(self) -> dict[str, str]:
        """The references of the images that pods run, by workload."""
        return {name: reference for name, reference in self._references.items() if name not in self._unused}

    @property
    def made(self) -> set[str]:
        """The names of the images that are made on this machine."""
        return {
            name
            for name in BUILDABLE & self.wanted.keys() - self.named.keys()
            if name in self._placeholders
            or self._loaded.get(self.wanted[name]) == MADE
            or self.wanted[name] in self._errors
        }

    @property
    def pulled(self) -> dict[str, str]:
        """The references of all other images: they are pulled, or cannot be had."""
        made = self.made
        return {name: reference for name, reference in self.wanted.items() if name not in made}

    @property
    def unused_programs(self) -> set[str]:
        """The programs of images that are pulled: no pod of the node runs our build."""
        return {program for name, program in BINARIES.items() if name in self.pulled}

    def leave_out(self, names: Collection[str]) -> None:
        """These images, and only these, are not wanted: no pod runs them. Set-up leaves them out from now on."""
        self._unused = set(names)
        self._write()

    def reference(self, name: str) -> str:
        """The reference of an image, whether it is wanted or not."""
        return self._references[name]

    def error(self, name: str) -> str | None:
        """Why this image cannot be pulled, as far as that is known."""
        return self._errors.get(self._references[name])

    def ask(self) -> str:
        """Ask for the images that the node does not have, write the answer down, and return it as one line."""
        self._asked = self._open_questions()
        self._errors = registry.find_unavailable(sorted(self._asked))
        self._write()
        return self._line()

    def ensure_asked(self) -> None:
        """Ask, unless set-up did."""
        if not self._open_questions() <= self._asked:
            self.ask()

    def mark_failed(self, name: str, reason: str) -> None:
        """An image that was said to be there cannot be pulled. From now on it is made here, where that is possible."""
        self._loaded.pop(self.wanted[name], None)
        self._errors[self.wanted[name]] = reason
        self._write()

    def mark_loaded(self, names: Collection[str]) -> None:
        """The node has these images, pulled or made."""
        made = self.made
        self._loaded |= {self.wanted[name]: MADE if name in made else PULLED for name in names}
        self._write()

    def _open_questions(self) -> set[str]:
        """The references of which only a registry knows whether they can be had."""
        return {
            reference
            for name, reference in self.wanted.items()
            if reference not in self._loaded and name not in self._placeholders
        }

    def _line(self) -> str:
        new = {name for name, reference in self.wanted.items() if reference not in self._loaded}
        built = sorted(self.made & new)
        missing = sorted(name for name in new - self.made if self.error(name))
        can_be = new - {*built, *missing}
        parts = [f"{len(self.wanted) - len(new)} are on the node"] if len(new) < len(self.wanted) else []
        if new:
            reasons = "; ".join(dict.fromkeys(self._errors.values()))
            parts.append(f"{len(can_be) or 'none'} of {len(new)} can be pulled" + (f" ({reasons})" if reasons else ""))
        if built:
            parts.append(f"built here: {', '.join(built)}" if can_be else f"{len(built)} are built here")
        parts += [f"not to be had: {', '.join(missing)}"] if missing else []
        return f"images: {', '.join(parts)}"

    def _write(self) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        document = {
            "asked": sorted(self._asked),
            "errors": self._errors,
            "loaded": self._loaded,
            "unused": sorted(self._unused),
        }
        fresh = self._file.with_suffix(".new")
        fresh.write_text(json.dumps(document, indent=1, sort_keys=True) + "\n")
        fresh.rename(self._file)


def in_mirror(reference: str, mirror: str | None) -> str:
    """The reference in the mirror: ``quay.io/a/b:1`` is ``a/b:1`` there, as the program has it (``catalog/images.py``)."""
    if mirror is None:
        return reference
    first, slash, rest = reference.partition("/")
    return f"{mirror}/{rest if slash and ('.' in first or ':' in first) else reference}"


def is_placeholder(reference: str) -> bool:
    """Whether this reference of a stack file stands for an image that this machine builds."""
    return reference.startswith("atlas/") and reference.endswith(":local")


def _setting_images(stack_file: str) -> dict[str, str]:
    """The setting ``images`` of a stack file."""
    block = re.search(r"^  atlas:images: *(?:#.*)?\n((?:(?:    .*| *(?:#.*)?)\n?)*)", stack_file, re.MULTILINE)
    flow = re.search(r"^  atlas:images: *\{([^}]*)\}", stack_file, re.MULTILINE)
    lines = block[1] if block else flow[1].replace(",", "\n") if flow else ""
    return dict(_pairs(lines))


def _mirror(stack_file: str) -> str | None:
    """The mirror that the environment or the stack file names.

    Raises:
        SetupError: it is no registry.
    """
    found = re.search(rf"^  atlas:registry: *{_SCALAR}", stack_file, re.MULTILINE)
    written = next((each for each in found.groups() if each), None) if found else None
    chosen = os.environ.get(VARIABLE) or written
    host = (chosen or "localhost").partition("/")[0]
    is_host = "." in host or ":" in host or host == "localhost"
    if chosen and not (is_host and re.fullmatch(r"[a-z0-9][a-z0-9._-]*(:[0-9]{1,5})?(/[a-z0-9][a-z0-9._-]*)*", chosen)):
        where = VARIABLE if os.environ.get(VARIABLE) else "atlas:registry in Pulumi.local.yaml"
        raise SetupError(
            f"{where} is {chosen!r}\nfix: a registry such as localhost:5000 or mirror.example.com/path, without scheme "
            "or slash at its end"
        )
    return chosen


def _pairs(lines: str) -> list[tuple[str, str]]:
    """``name: value`` of each line."""
    found = re.findall(rf"^ *[\"']?([a-z][a-z0-9-]*)[\"']?: +{_SCALAR}", lines, re.MULTILINE)
    return [(name, next(filter(None, values), "")) for name, *values in found]


def _read(answer: Path) -> dict[str, Any]:
    try:
        document = json.loads(answer.read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return document if isinstance(document, dict) else {}
