"""A build's context: a folder that holds what one image is made of and nothing else, taken file by file from an allow-list.

It has the ``Dockerfile`` of the service and its helpers from ``images/<language>``, ``instrumentation`` from
``images/instrumentation/<language>``, and ``service`` from the checkout. Its name ends with the hash of its content: the same input
gives the same folder, and the same tag of the image.
"""

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from components.platform_services import SERVICES
from image_build.final_stage import dockerfile
from image_build.recipes import Language, Recipe

SOURCE = re.compile(
    r".+\.([cm]?[jt]s|[jt]sx|css|csv|eot|gif|graphql|html|ico|jpe?g|json|png|proto|pth|py|sql|svg|toml|ttf|txt|typed|webmanifest|webp|woff2?)"
)
"""Names of source files. Keys, certificates, ``.env`` files and scripts are not among them."""
EXCLUDED_FOLDERS = re.compile(
    r"\..*|__pycache__|__tests__|build|conf|coverage|dist|e2e|env|node_modules|out|secrets|tests?|venv|.*\.egg-info"
)
DATA_SUFFIXES = frozenset({".json", ".sql", ".toml", ".txt", ".csv"})
SECRET_PREFIXES = ("secret", "credential", "service-account")
"""How the names of data files begin that hold a secret."""
MAX_FILE_BYTES = 32 * 1024 * 1024
"""Of one file: a larger one is no source."""
OPTIONAL_FOLDERS = ("public",)
"""Folders that the Dockerfile for Node copies; where a service has none, an empty one takes its place."""


@dataclass(frozen=True, kw_only=True)
class Context:
    """The context of one image. ``digest`` is 16 hexadecimal digits of its content."""

    service: str
    language: Language
    folder: Path
    digest: str


def allowed_files(folder: Path) -> Iterator[Path]:
    """The files below ``folder`` that may get into an image, sorted. No link is followed, so nothing outside comes in."""
    for path, folders, names in os.walk(folder):
        folders[:] = sorted(n for n in folders if not EXCLUDED_FOLDERS.fullmatch(n))
        for name in sorted(names):
            file = Path(path, name)
            if is_source(file):
                yield file


def is_source(file: Path) -> bool:
    """Whether the allow-list takes this file."""
    name = file.name.lower()
    if name.startswith(".") or (file.suffix in DATA_SUFFIXES and name.startswith(SECRET_PREFIXES)):
        return False
    return not file.is_symlink() and SOURCE.fullmatch(name) is not None and file.stat().st_size <= MAX_FILE_BYTES


def first_existing(checkout: Path, candidates: tuple[str, ...]) -> Path | None:
    """The first of these paths that the checkout has."""
    return next((checkout / path for path in candidates if (checkout / path).exists()), None)


def source_files(recipe: Recipe, checkout: Path) -> Iterator[tuple[str, Path]]:
    """Each file of the service that may get into the image, with its path below ``service/``."""
    for target, candidates in recipe.sources.items():
        source = first_existing(checkout, candidates)
        if source is None:
            continue
        for file in [source] if source.is_file() else allowed_files(source):
            yield (Path(target) / (file.relative_to(source) if source.is_dir() else "")).as_posix(), file


def context_files(service: str, checkout: Path, images: Path, replaced: Mapping[str, bytes]) -> dict[str, bytes]:
    """Every file of the context, by its path there. ``replaced`` are files of the service that differ from the checkout's."""
    recipe = SERVICES[service].recipe
    files: dict[str, bytes] = {"trim.sh": (images / "trim.sh").read_bytes()}
    for file in sorted((images / recipe.language).iterdir()):
        if file.suffix not in (".yaml", ".md"):
            files[file.name] = file.read_bytes()
    files["Dockerfile"] = dockerfile(service, SERVICES[service], images).encode()
    instrumentation = images / "instrumentation" / recipe.language
    for file in allowed_files(instrumentation):
        files[f"instrumentation/{file.relative_to(instrumentation).as_posix()}"] = file.read_bytes()
    for path, file in source_files(recipe, checkout):
        files[f"service/{path}"] = file.read_bytes()
    if recipe.language == "node":
        for name in OPTIONAL_FOLDERS:
            files.setdefault(f"service/{name}/.gitkeep", b"")
    return files | {f"service/{name}": content for name, content in replaced.items()}


def digest_of(files: Mapping[str, bytes]) -> str:
    """16 hexadecimal digits, which change with any name or content."""
    digest = hashlib.sha256()
    for name in sorted(files):
        digest.update(f"{name}\0{len(files[name])}\0".encode() + files[name])
    return digest.hexdigest()[:16]


def write_context(service: str, language: Language, files: Mapping[str, bytes], root: Path) -> Context:
    """Write the context below ``root``. It appears by one rename, and older contexts of the service are removed.

    Modes and times are always the same, because BuildKit compares them too.
    """
    digest = digest_of(files)
    target = root / f"{service}-{digest}"
    if not target.exists():
        root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=root) as scratch:
            fresh = Path(scratch, "fresh")
            for name, content in files.items():
                file = fresh / name
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(content)
                file.chmod(0o644)
                os.utime(file, (0, 0))
            for folder, _, _ in os.walk(fresh):
                Path(folder).chmod(0o755)
            try:
                fresh.rename(target)
            except OSError:  # another run wrote it first
                if not target.exists():
                    raise
    for old in root.glob(f"{service}-{'[0-9a-f]' * 16}"):
        if old != target:
            shutil.rmtree(old, ignore_errors=True)
    return Context(service=service, language=language, folder=target, digest=digest)
