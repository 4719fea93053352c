"""What is in git is what somebody wrote: nothing that a tool makes anew, keeps for itself or leaves behind."""

import re
import subprocess
from collections.abc import Collection, Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

import pytest

from tests.support.repository import ROOT

MAX_BYTES = 1024 * 1024
MAX_LINE = 2000
"""Characters. A longer line was not written by hand, and nobody can review it."""
CACHES = {
    *(
        ".cache",
        ".kube",
        ".local",
        ".mypy_cache",
        ".next",
        ".npm",
        ".pulumi",
        ".pytest_cache",
        ".ruff_cache",
        ".terraform",
    ),
    *(".venv", "__pycache__", "build", "cache", "coverage", "dist", "htmlcov", "node_modules", "venv"),
}
"""Folders in which tools keep what they can make anew."""
LEFTOVERS = re.compile(
    r"\.(7z|bak|class|db|deb|dll|egg|exe|gz|jar|log|o|orig|pid|pyc|pyo|rej|rpm|so|sock|sqlite3?|swp|tar|tgz|tmp|whl|xz|zip|zst)$"
    r"|~$|(^|/)(\.DS_Store|\.coverage|core|nohup\.out|[^/]+\.egg-info)(/|$)"
)
GENERATED = re.compile(r"(?i)\b(auto-?generated|@generated|code generated|do not edit|generated (by|from))\b")
"""What generators write at the top of their files."""
LOCKS = re.compile(r"(^|/)([^/]+\.lock|[^/]+\.sum|[^/]*-lock\.(json|yaml)|npm-shrinkwrap\.json)$")
"""Names that package managers give to what they resolved."""
DATA = re.compile(r"\.(csv|json|jsonl|svg|xml)$")
TYPED_DATA_BYTES = 9_000
"""What somebody may have typed; more data than this came from a program."""
MADE: Mapping[str, str] = {
    "uv.lock": "the program's and the tests' packages, with their hashes",
    "*/go.sum": "hashes of the modules that go.mod names",
    "*/package-lock.json": "npm's packages with their hashes; `npm ci` installs nothing else",
    "*/requirements.txt": "Python packages with their hashes, resolved from the file that the first lines name",
    "tools/checkers.txt": "the same for the checkers",
    "tools/collector/distribution/go.mod": "modules of our Collector, as its builder resolved them",
    "Pulumi.schema.json": "editors read it from a clone; tests/unit/test_schema.py holds it against the settings",
    "docs/licences.md": "read on its own; tests/tools/test_licences.py holds it against the lock files",
    "docs/settings.md": "read on its own; tests/unit/test_settings_docs.py holds it against the settings",
    "tests/engine/conformance/*.json": "what the official plugins answered; they are not here to be asked again",
    "services/backtester/data.csv": "prices that the backtester runs on",
}
"""Files that a program made and that are tracked all the same, by what they are for."""


def tracked() -> list[str]:
    """The paths in git that are there."""
    command = ["git", "ls-files", "-z"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [path for path in listed.split("\0") if path and (ROOT / path).is_file()]


def flaws(path: str, content: bytes) -> Iterator[str]:
    """Why a file of this path and content should not be in git."""
    if len(content) > MAX_BYTES:
        yield f"is {len(content) / MAX_BYTES:.1f} MiB"
    if kept := CACHES.intersection(PurePosixPath(path).parts[:-1]):
        yield f"is in a cache or a build's output ({min(kept)})"
    if LEFTOVERS.search(path):
        yield "is what a tool leaves behind"
    if b"\0" in content:
        yield "is binary"
    elif not is_exception(path):
        text = content.decode(errors="replace").splitlines()
        if LOCKS.search(path) or any(GENERATED.search(line) for line in text[:5]):
            yield "is generated"
        if DATA.search(path) and len(content) > TYPED_DATA_BYTES:
            yield f"is {len(content)} bytes of data"
        if any(len(line) > MAX_LINE for line in text):
            yield f"has a line of more than {MAX_LINE} characters"


def is_exception(path: str, patterns: Collection[str] = MADE) -> bool:
    return any(fnmatchcase(path, each) for each in patterns)


def test_no_tracked_file_is_generated_cached_binary_or_large() -> None:
    found = {path: list(flaws(path, (ROOT / path).read_bytes())) for path in tracked()}
    assert {path: why for path, why in found.items() if why} == {}


def test_no_tracked_file_is_one_that_git_ignores() -> None:
    command = ["git", "ls-files", "--cached", "--ignored", "--exclude-standard"]
    assert subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout == ""


def test_each_exception_is_needed() -> None:
    paths = tracked()
    assert [each for each in MADE if not any(is_exception(path, [each]) for path in paths)] == []


@pytest.mark.parametrize(
    ("path", "content", "why"),
    [
        (".kube/cache/discovery/127.0.0.1_8443/servergroups.json", b"{}", "is in a cache"),
        ("services/api/dist/index.js", b"", "is in a cache or a build's output"),
        ("tools/__pycache__/setup.cpython-311.pyc", b"\xa7\r\r\n\0", "is what a tool leaves behind"),
        ("tools/server", b"\x7fELF\0", "is binary"),
        ("services/api/yarn.lock", b"", "is generated"),
        ("components/types.py", b'"""Types."""\n# Code generated by a tool. DO NOT EDIT.\n', "is generated"),
        ("tests/data/series.json", b"[1]\n" * 2500, "is 10000 bytes of data"),
        ("components/objects.json", b"x" * 2001, "has a line of more than 2000 characters"),
        ("dashboards/screen.txt", b"line\n" * 300_000, "is 1.4 MiB"),
        ("uv.lock", b"line\n" * 300_000, "is 1.4 MiB"),
    ],
)
def test_what_should_not_be_in_git_is_seen(path: str, content: bytes, why: str) -> None:
    assert any(each.startswith(why) for each in flaws(path, content))


def test_what_somebody_wrote_is_let_through() -> None:
    assert not list(flaws("components/image_builds.py", b'"""Builds the images."""\n'))
    assert not list(flaws("uv.lock", b"version = 1\n"))
