"""What Renovate reads with a ``renovate.json``: which lines of which files, by its managers' documentation.

The patterns of files and of built-in managers are those of Renovate 44; custom managers are what the configuration says.
"""

import json
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

import yaml

Files = Mapping[str, str]
"""The content of each file, by its path from the repository's root."""
Lines = set[tuple[str, int]]
"""Files' lines, from 1."""

IGNORED_BY_PRESET = [
    "node_modules",
    "bower_components",
    "vendor",
    "examples",
    "__tests__",
    "test",
    "tests",
    "__fixtures__",
]
"""Folders that ``config:recommended`` leaves out, unless the configuration has ``ignorePaths`` of its own."""
COMPILE_OPTIONS = {
    *("-v", "--all-extras", "--emit-index-url", "--generate-hashes", "--index-url", "--no-strip-extras", "--universal"),
    *(
        "--constraint",
        "--constraints",
        "--exclude-newer",
        "--extra",
        "--extra-index-url",
        "--fork-strategy",
        "--format",
    ),
    *("--group", "--no-emit-package", "--output-file", "--override", "--overrides", "--prerelease", "--python-version"),
    "--resolution",
}
"""Of ``uv pip compile``. One other option in the first lines of a lock file, and pip-compile does not read the file."""


class Renovate:
    """One configuration."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._config = config

    def reads(self, files: Files) -> Lines:
        """The lines whose version a manager reads, and may change."""
        return {line for lines in self.by_manager(files).values() for line in lines}

    def by_manager(self, files: Files) -> dict[str, Lines]:
        """The same for each manager. Custom ones are counted: ``custom.regex 0`` is the first."""
        found: dict[str, Lines] = {}
        for manager in self._config["enabledManagers"]:
            if manager == "custom.regex":
                for number, custom in enumerate(self._config["customManagers"]):
                    found[f"{manager} {number}"] = self._custom(custom, files)
            else:
                patterns = [*FILES[manager], *self._config.get(manager, {}).get("managerFilePatterns", [])]
                matched = [path for path in self._seen(files) if _any(patterns, path) and not self._off(manager, path)]
                found[manager] = {line for path in matched for line in READERS[manager](path, files)}
        return found

    def _seen(self, files: Files) -> list[str]:
        ignored = self._config.get("ignorePaths")
        if ignored is None and "config:recommended" in self._config.get("extends", []):
            ignored = [f"**/{folder}/**" for folder in IGNORED_BY_PRESET]
        return [path for path in files if not _any(ignored or [], path)]

    def _off(self, manager: str, path: str) -> bool:
        """Whether a rule switches the manager off for the whole file."""
        return any(
            rule.get("enabled") is False
            and rule.keys() <= {"description", "matchManagers", "matchFileNames", "enabled"}
            and manager in rule.get("matchManagers", [manager])
            and _any(rule.get("matchFileNames", ["**"]), path)
            for rule in self._config["packageRules"]
        )

    def _custom(self, custom: Mapping[str, Any], files: Files) -> Lines:
        assert custom["customType"] == "regex"
        found: Lines = set()
        for path in self._seen(files):
            if not _any(custom["managerFilePatterns"], path):
                continue
            for match in (match for each in custom["matchStrings"] for match in as_python(each).finditer(files[path])):
                known = {name for name, value in match.groupdict().items() if value}
                known |= {name.removesuffix("Template") for name in custom if name.endswith("Template")}
                if known >= {"datasource", "depName", "currentValue"}:
                    found.add((path, files[path].count("\n", 0, match.start("currentValue")) + 1))
        return found


def as_python(pattern: str) -> re.Pattern[str]:
    """A pattern of the configuration. JavaScript, RE2 and Python agree on what it may use, but for how groups are named."""
    assert not re.search(r"\(\?(?![:<])|\(\?<[=!]|\\[1-9]|\\k|[*+?}]\+", pattern), (
        f"RE2 or Python reads it otherwise: {pattern}"
    )
    return re.compile(pattern.replace("(?<", "(?P<"))


def _any(patterns: Iterable[str], path: str) -> bool:
    """As Renovate matches: one pattern that fits, and none with an exclamation mark that does."""
    given = list(patterns)
    wanted = [each for each in given if not each.startswith("!")]
    refused = [each[1:] for each in given if each.startswith("!")]
    return any(_fits(each, path) for each in wanted or ["**"]) and not any(_fits(each, path) for each in refused)


def _fits(pattern: str, path: str) -> bool:
    if pattern.startswith("/") and pattern.endswith("/"):
        return bool(re.search(pattern[1:-1], path))
    parts = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    words = re.split(r"(\*\*/|\*\*|\*|\?)", pattern)
    return bool(re.fullmatch("".join(parts.get(each, re.escape(each)) for each in words), path))


def _numbered(path: str, files: Files, pattern: str) -> Iterator[tuple[str, int]]:
    for number, line in enumerate(files[path].splitlines(), 1):
        if re.search(pattern, line):
            yield path, number


# -- what the built-in managers read of a file


def _gomod(path: str, files: Files) -> Iterator[tuple[str, int]]:
    yield from _numbered(path, files, r"^(require)?\s+\S+\s+v\S+(\s*//.*)?$")
    yield from _numbered(path, files, r"^(replace)?\s+\S+\s*=>\s*\S+\s+v\S+(\s*//.*)?$")
    yield from _numbered(path, files, r"^\s*(go\s+|toolchain\s+go)\S+\s*$")


def _npm(path: str, files: Files) -> Iterator[tuple[str, int]]:
    package = json.loads(files[path])
    kinds = ("dependencies", "devDependencies", "optionalDependencies", "peerDependencies", "engines", "overrides")
    for name, version in {name: version for kind in kinds for name, version in package.get(kind, {}).items()}.items():
        yield from _numbered(path, files, rf"^\s*{re.escape(json.dumps(name))}:\s*{re.escape(json.dumps(version))},?$")


def _pyproject(path: str, files: Files) -> Iterator[tuple[str, int]]:
    document = tomllib.loads(files[path])
    project = document.get("project", {})
    lists = [project.get("dependencies", []), document.get("build-system", {}).get("requires", [])]
    lists += [*project.get("optional-dependencies", {}).values(), *document.get("dependency-groups", {}).values()]
    for wanted in (each for requirements in lists for each in requirements if isinstance(each, str)):
        yield from _numbered(path, files, re.escape(json.dumps(wanted)))


def _requirements(path: str, files: Files) -> Iterator[tuple[str, int]]:
    yield from _numbered(path, files, r"^[A-Za-z0-9][\w.-]*\s*(\[[^\]]+\])?\s*[=<>~!]=?[^#]+")


def _pip_compile(path: str, files: Files) -> Iterator[tuple[str, int]]:
    """The lock file and what it is made from."""
    command = re.match(r"(?:#.*\n)+?# {4}uv pip compile (.*)\n", files[path])
    words = command[1].split() if command else []
    options = [word for word in words if word.startswith("-")]
    if not command or any(each.partition("=")[0] not in COMPILE_OPTIONS for each in options):
        return
    yield from _requirements(path, files)
    for word in words:
        source = str(PurePosixPath(path).parent / word)
        if source in files and not word.startswith("-"):
            yield from (_pyproject if source.endswith(".toml") else _requirements)(source, files)


def _dockerfile(path: str, files: Files) -> Iterator[tuple[str, int]]:
    """Images that a stage begins with or copies from, also where a build argument names them."""
    text = files[path]
    for image in re.findall(r"^\s*FROM\s+(?:--platform=\S+\s+)?(\S+)", text, re.MULTILINE):
        yield from _numbered(path, files, rf"^\s*FROM\s.*{re.escape(image)}(\s|$)")
        for argument in re.findall(r"\$\{?(\w+)", image):
            yield from _numbered(path, files, rf"^\s*ARG\s+{argument}=")
    yield from _numbered(path, files, r"^\s*COPY\s.*--from=\S+:\S+")


def _actions(path: str, files: Files) -> Iterator[tuple[str, int]]:
    yield from _numbered(path, files, r"^\s*(-\s+)?uses:\s*[\w.-]+/[\w./-]+@\S+")
    yield from _numbered(path, files, r"^\s*runs-on:\s*[a-z]+-\d\S*")


def _collector_builder(path: str, files: Files) -> Iterator[tuple[str, int]]:
    manifest = yaml.safe_load(files[path])
    for kind in ("connectors", "exporters", "extensions", "processors", "providers", "receivers"):
        for component in manifest.get(kind) or []:
            yield from _numbered(path, files, rf"gomod:\s*{re.escape(component['gomod'])}$")


Reader = Callable[[str, Files], Iterator[tuple[str, int]]]
READERS: Mapping[str, Reader] = {
    "dockerfile": _dockerfile,
    "github-actions": _actions,
    "gomod": _gomod,
    "npm": _npm,
    "ocb": _collector_builder,
    "pep621": _pyproject,
    "pip-compile": _pip_compile,
    "pip_requirements": _requirements,
}
FILES: Mapping[str, list[str]] = {
    "dockerfile": [r"/(^|/|\.)([Dd]ocker|[Cc]ontainer)file$/", r"/(^|/)([Dd]ocker|[Cc]ontainer)file[^/]*$/"],
    "github-actions": [
        r"/(^|/)(workflow-templates|\.(?:github|gitea|forgejo)/(?:workflows|actions))/.+\.ya?ml$/",
        r"/(^|/)action\.ya?ml$/",
    ],
    "gomod": [r"/(^|/)go\.mod$/"],
    "npm": [r"/(^|/)package\.json$/"],
    "ocb": [],
    "pep621": [r"/(^|/)pyproject\.toml$/"],
    "pip-compile": [],
    "pip_requirements": [r"/(^|/)[\w-]*requirements([-._]\w+)?\.(txt|pip)$/"],
}
"""The files that each manager reads without being told."""
