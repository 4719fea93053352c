"""What a document may name: the repository's files, make targets, settings, alerts, functions and classes."""

import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatch
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from catalog import load_rules
from settings.json_schema import stack_file_schema
from settings.markdown import secrets, sections

ROOT = Path(__file__).parents[2]
_TARGET = re.compile(r"^([a-z][a-z0-9-]*):(?!=)", re.MULTILINE)
_VARIABLE = re.compile(r"^(?:export )?([A-Z]+) *[?:]?=", re.MULTILINE)
_DEFINED = re.compile(
    r"\b(?:def|class|function|const|type|interface) +(\w+)|^ +(?:async )?(\w+)\([^)\n]*\)[^;\n]*\{$", re.MULTILINE
)
_WORD = re.compile(r"[A-Za-z_]\w{2,}")
_SERIES = re.compile(r"record: *\"?([a-z_]+:[\w:]+)")
_NO_SOURCE = ("lock.json", "test_documents.py")
"""Its broken sentences name what is not there."""
_SOURCE = (".py", ".js", ".cjs", ".mjs", ".ts", ".tsx", ".go", ".sh")


@dataclass(frozen=True)
class RepositoryNames:
    """``words`` are names of others (``documents.yaml``), ``run_time`` paths that are not in the repository and why."""

    root: Path = ROOT
    run_time: Mapping[str, str] = field(default_factory=dict[str, str])
    words: frozenset[str] = frozenset()

    @cached_property
    def files(self) -> frozenset[str]:
        """What git has, or would take; what it ignores is made at run time."""
        command = ["git", "-C", str(self.root), "ls-files", "--cached", "--others", "--exclude-standard"]
        listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
        return frozenset(name for name in listed if (self.root / name).exists())

    @cached_property
    def folders(self) -> frozenset[str]:
        return frozenset(str(parent) for name in self.files for parent in Path(name).parents)

    @cached_property
    def top(self) -> frozenset[str]:
        """The names at the top."""
        return frozenset(name.partition("/")[0] for name in self.files)

    @cached_property
    def file_names(self) -> frozenset[str]:
        return frozenset(name.rpartition("/")[2] for name in self.files)

    def has_path(self, path: str, folder: str = ".") -> bool:
        """Whether it is there, from the root or from the document's ``folder``. ``*`` and ``<name>`` stand for any name."""
        wanted = re.sub(r"<[^>]*>", "*", path.removeprefix("./")).rstrip("/")
        known = self.files | self.folders
        places = [wanted, str(Path(folder, wanted))]
        if "*" in wanted:
            return any(_matches(each, place) for place in places for each in known)
        return any(place in known for place in places)

    def is_run_time(self, path: str) -> bool:
        """Whether ``documents.yaml`` says that the path appears at run time, or elsewhere."""
        return any(path == each or (each.endswith("/") and path.startswith(each)) for each in self.run_time)

    @cached_property
    def targets(self) -> frozenset[str]:
        return frozenset(_TARGET.findall(self._makefile))

    @cached_property
    def variables(self) -> frozenset[str]:
        return frozenset(_VARIABLE.findall(self._makefile))

    @cached_property
    def _makefile(self) -> str:
        return (self.root / "Makefile").read_text()

    @cached_property
    def settings(self) -> frozenset[str]:
        """Every setting and every mapping of them, without prefix; ``<name>`` is a key that the user chooses, ``[]`` an entry."""
        leaves = [setting.key.partition(":")[2] for section in sections() for setting in section.settings]
        parents = [section.key for section in sections() if section.key]
        return frozenset([*leaves, *parents])

    @cached_property
    def secrets(self) -> frozenset[str]:
        return frozenset(key.partition(":")[2] for key in secrets())

    @cached_property
    def free_names(self) -> Mapping[str, frozenset[str]]:
        """The names that a mapping with chosen keys may have, where the schema bounds them."""
        found: dict[str, frozenset[str]] = {}
        for section in sections(stack_file_schema()):
            for setting in section.settings:
                names: list[str] = setting.schema.get("propertyNames", {}).get("enum", [])
                if setting.schema.get("type") == "object":
                    found[setting.key.partition(":")[2]] = frozenset(names)
        return found

    def has_setting(self, path: str) -> bool:
        """Whether ``path`` (``loki.objectStorage.bucket``, ``images.api``, ``platform.backtests[0].name``) is one."""
        if path in self.settings:
            return True
        wanted = re.sub(r"\[[^\]]*\]", "[]", path)
        for mapping, names in self.free_names.items():
            if wanted.startswith(f"{mapping}."):
                name, _, rest = wanted.removeprefix(f"{mapping}.").partition(".")
                is_known = name.startswith("<") or not names or name in names
                wanted = f"{mapping}.<name>" + (f".{rest}" if rest else "")
                return is_known and (wanted in self.settings or not rest)
        return wanted in self.settings

    @cached_property
    def alerts(self) -> frozenset[str]:
        return frozenset(alert.name for file in load_rules(self.root / "rules") for alert in file.alerts)

    @cached_property
    def series(self) -> frozenset[str]:
        """What rules record; ``atlas:expected`` and ``atlas:public`` are in the file that the program writes."""
        found = {name for text in self._texts("rules/", (".yaml",)) for name in _SERIES.findall(text)}
        return frozenset(found | {"atlas:expected", "atlas:public"})

    @cached_property
    def defined(self) -> frozenset[str]:
        """Functions, methods and classes of the sources."""
        return frozenset(
            name for text in self._texts("", _SOURCE) for pair in _DEFINED.findall(text) for name in pair if name
        )

    @cached_property
    def occurring(self) -> frozenset[str]:
        """Every word of what is no Markdown."""
        kinds = (
            *_SOURCE,
            ".yaml",
            ".yml",
            ".json",
            ".toml",
            ".txt",
            ".in",
            ".conf",
            ".ini",
            "Dockerfile",
            "Makefile",
            "run",
        )
        return frozenset(word for text in self._texts("", kinds) for word in _WORD.findall(text))

    def _texts(self, below: str, endings: tuple[str, ...]) -> Iterator[str]:
        for name in sorted(self.files):
            if name.startswith(below) and name.endswith(endings) and not name.endswith(_NO_SOURCE):
                yield (self.root / name).read_text(errors="replace")


def _matches(path: str, pattern: str) -> bool:
    """``fnmatch``, in which ``*`` stops at a slash."""
    parts, wanted = path.split("/"), pattern.split("/")
    return len(parts) == len(wanted) and all(map(fnmatch, parts, wanted))


def read_exceptions(file: Path) -> dict[str, Any]:
    """``documents.yaml``."""
    found: dict[str, Any] = yaml.safe_load(file.read_text())
    return found
