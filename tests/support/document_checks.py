"""What a document says of the repository that is not so: links, paths, commands, settings, alerts and names."""

import re
import shlex
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import PurePosixPath
from typing import Any, cast

import yaml

from tests.support.markdown_document import MarkdownDocument, Span
from tests.support.repository_names import RepositoryNames

PREFIX = "atlas:"
SUFFIXES = frozenset(
    f".{ending}"
    for ending in (
        *("py", "js", "cjs", "mjs", "ts", "tsx", "go", "sh", "sql"),
        *("yaml", "yml", "toml", "json", "ini", "conf", "csv", "txt", "md", "mod", "sum", "lock"),
    )
)
MODULE_ROOTS = (".", "images/instrumentation/python/src", "services/*")
"""Where ``python -m`` finds a module of the repository."""
_PATH = re.compile(r"(?<![\w/~$@=:.\\-])[.\w*<][\w.*<>/+-]*(?![\w…{$(])")
_MAKE = re.compile(r"(?<![\w./-])make((?: +[A-Z_]+=\S+)*) +([a-z][a-z0-9-]*)((?: +[A-Z_]+=(?:\"[^\"]*\"|\S+))*)")
_MODULE = re.compile(r"python3?(?:\.\d+)? +(?:-[A-LN-Za-ln-z] +)*-m +([\w.]+)")
_SETTING = re.compile(r"(atlas:)?([a-z][A-Za-z0-9]*(?:\.[A-Za-z0-9<>_-]+|\[[^\]]*\])*)")
_CAMEL = re.compile(r"[A-Z][a-z0-9]+(?:[A-Z][a-z0-9]+)+")
_CALL = re.compile(r"(?:\w+\.)*(\w+)\(\)")
_CONSTANT = re.compile(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+")
_WORD = re.compile(r"[\w.:-]+")


@dataclass(frozen=True)
class Fault:
    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


def find_faults(
    document: MarkdownDocument, names: RepositoryNames, former: Mapping[str, str] | None = None
) -> list[Fault]:
    """Everything in ``document`` that the repository does not have. ``former`` maps names that are no longer used to new ones."""
    checks = _Checks(document, names, former or {})
    return [
        Fault(f"{document.path}:{line}", what)
        for check in (
            checks.links,
            checks.paths,
            checks.commands,
            checks.settings,
            checks.stack_files,
            checks.code_names,
            checks.former_names,
            checks.torn_lines,
        )
        for line, what in check()
    ]


@dataclass(frozen=True)
class _Checks:
    document: MarkdownDocument
    names: RepositoryNames
    former: Mapping[str, str]

    @property
    def _folder(self) -> str:
        return str(PurePosixPath(self.document.path).parent)

    def links(self) -> Iterator[tuple[int, str]]:
        for link in self.document.links:
            target, _, anchor = link.text.partition("#")
            if re.match(r"[a-z][a-z0-9+.-]*:", target):
                continue
            path = _normal(f"{self._folder}/{target}") if target else self.document.path
            if path not in self.names.files | self.names.folders:
                yield link.line, f"the link {link.text} leads to no file"
            elif anchor and anchor not in self._anchors(path):
                yield link.line, f"the link {link.text} leads to no heading"

    def _anchors(self, path: str) -> Collection[str]:
        if path == self.document.path:
            return self.document.anchors
        return MarkdownDocument(path, (self.names.root / path).read_text()).anchors if path.endswith(".md") else ()

    def paths(self) -> Iterator[tuple[int, str]]:
        spans = [*self.document.code]
        spans += [
            Span(block.line + number, line)
            for block in self.document.blocks
            for number, line in enumerate(block.text.splitlines())
        ]
        for span in spans:
            for path in _path_like(span.text, self.names.top):
                if not self._is_known_path(path):
                    yield span.line, f"there is no {path}"

    def _is_known_path(self, path: str) -> bool:
        if self.names.is_run_time(path) or self.names.has_path(path, self._folder):
            return True
        return "/" not in path and path in self.names.file_names

    def commands(self) -> Iterator[tuple[int, str]]:
        for span in self.document.commands():
            for match in _MAKE.finditer(span.text):
                if match[2] not in self.names.targets:
                    yield span.line, f"there is no target {match[2]} in the Makefile"
                for variable in re.findall(r"([A-Z_]+)=", match[1] + match[3]):
                    if variable not in self.names.variables:
                        yield span.line, f"the Makefile has no variable {variable}"
            for match in _MODULE.finditer(span.text):
                if not self._has_module(match[1]):
                    yield span.line, f"there is no module {match[1]}"

    def _has_module(self, module: str) -> bool:
        path, first = module.replace(".", "/"), module.partition(".")[0]
        if any(
            self.names.has_path(f"{root}/{path}{end}".removeprefix("./"))
            for root in MODULE_ROOTS
            for end in ("", ".py")
        ):
            return True
        return first not in self.names.top and find_spec(first) is not None

    def settings(self) -> Iterator[tuple[int, str]]:
        for span in self.document.code:
            if not span.text.startswith(PREFIX) and (match := _SETTING.fullmatch(span.text.removesuffix(".…"))):
                path = match[2]
                if _top(path) in self._sections and path != _top(path) and not _is_file(path):
                    yield from self._setting(span.line, path)
        for span in [*self.document.code, *self.document.commands()]:
            for word in _words(span.text):
                if word.startswith(PREFIX) and "<" not in word.partition(".")[0]:
                    yield from self._setting(span.line, word.removeprefix(PREFIX).removesuffix(".…").rstrip(":"))

    def _setting(self, line: int, path: str) -> Iterator[tuple[int, str]]:
        if ":" in path or f"{PREFIX}{path}" in self.names.series:
            return  # a series, or a type token of Pulumi
        if not (path in self.names.secrets or self.names.has_setting(path)):
            yield line, f"there is no setting {path}"

    @cached_property
    def _sections(self) -> frozenset[str]:
        return frozenset(_top(path) for path in self.names.settings)

    def stack_files(self) -> Iterator[tuple[int, str]]:
        """Settings written as YAML: blocks, and inline code such as ``grafana: {existing: true}``."""
        for block in self.document.blocks:
            if re.search(rf"^ *{PREFIX}\w+:", block.text, re.MULTILINE) and block.language in ("", "yaml", "yml"):
                yield from self._yaml(block.line, block.text)
        for span in self.document.code:
            first = re.match(rf"(?:{PREFIX})?([a-z]\w*): *[{{\w]", span.text)
            if first and first[1] in self._sections:
                yield from self._yaml(span.line, span.text)

    def _yaml(self, line: int, text: str) -> Iterator[tuple[int, str]]:
        try:
            found = yaml.safe_load(text)
        except yaml.YAMLError as error:
            yield line, f"no YAML: {' '.join(str(error).split())}"
            return
        config: Any = cast("dict[str, Any]", found).get("config", found)
        for path in _leaves(config):
            yield from self._setting(line, path.removeprefix(PREFIX))

    def code_names(self) -> Iterator[tuple[int, str]]:
        """Alerts, classes, functions and variables in code format."""
        known = self.names.alerts | self.names.words | self.names.defined
        for span in self.document.code:
            if _CAMEL.fullmatch(span.text) and span.text not in known:
                yield span.line, f"{span.text} is no alert, and no class of the sources"
            elif (call := _CALL.fullmatch(span.text)) and call[1] not in self.names.defined | self.names.words:
                yield span.line, f"there is no function {call[1]}"
            elif _CONSTANT.fullmatch(span.text) and span.text not in self.names.occurring | self.names.words:
                yield span.line, f"nothing reads {span.text}"

    def former_names(self) -> Iterator[tuple[int, str]]:
        for number, line in enumerate(self.document.text.splitlines(), 1):
            for word in _WORD.findall(line):
                name = word.strip(".:-").removeprefix(PREFIX)
                if _is_file(name):
                    continue
                for old, new in self.former.items():
                    if name == old or (old.endswith(".") and name.startswith(old)):
                        yield number, f"{name} is a former name: {new}"

    def torn_lines(self) -> Iterator[tuple[int, str]]:
        """Text that fell apart into a letter a line."""
        if match := re.search(r"(?:^[ \t]*\S[ \t]*\n){5}", self.document.text, re.MULTILINE):
            yield self.document.text.count("\n", 0, match.start()) + 1, "a letter a line"


def _path_like(text: str, top: Collection[str]) -> Iterator[str]:
    """What looks like a path of a repository in a piece of code. Absolute paths are of a pod or a machine."""
    for match in _PATH.finditer(re.sub(r"<br ?/?>", " ", text)):
        path = match[0].rstrip(".")
        first, slash, _ = path.partition("/")
        if path.startswith(("..", "<")):
            continue
        if _is_file(path) or (slash and (first in top or path.endswith("/"))):
            yield path


def _is_file(path: str) -> bool:
    name = path.rpartition("/")[2]
    return PurePosixPath(name).suffix in SUFFIXES and not name.startswith(".")


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text, comments=False)
    except ValueError:  # an apostrophe
        return text.split()


def _leaves(value: Any, path: str = "") -> Iterator[str]:
    """The paths of a mapping that lead to no further mapping."""
    if isinstance(value, list):
        for each in cast("list[Any]", value):
            if isinstance(each, dict):
                yield from _leaves(each, f"{path}[]")
    if not isinstance(value, dict) or not value:
        if path and not isinstance(value, list):
            yield path
        return
    for key, each in cast("dict[str, Any]", value).items():
        yield from _leaves(each, f"{path}.{key}" if path else str(key))


def _top(path: str) -> str:
    return re.split(r"[.\[]", path, maxsplit=1)[0]


def _normal(path: str) -> str:
    """Without ``.`` and ``..``."""
    parts: list[str] = []
    for part in path.split("/"):
        if part == "..":
            parts = parts[:-1] if parts else [".."]
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts) or "."
