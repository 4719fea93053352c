"""What is checked: the objects of every stack as files, and the repository's own files."""

import re
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from components.platform_services import SERVICES
from image_build.final_stage import dockerfile
from tests.support.synthesis import synthesise
from tests.support.variants import VARIANTS

ROOT = Path(__file__).resolve().parents[2]
Manifest = dict[str, Any]


def write_stacks(folder: Path) -> None:
    """Each variant's objects, below a folder of its name."""
    for name, (stack, changes) in VARIANTS.items():
        write(synthesise(stack, changes).manifests(), folder / name)


def write(manifests: Iterable[Manifest], folder: Path) -> None:
    """One file an object, so that every checker's report leads back to it."""
    for manifest in manifests:
        path = folder / f"{name_of(manifest)}.yaml"
        assert not path.exists(), f"two objects are called {name_of(manifest)}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.dump(manifest, Dumper=yaml.CSafeDumper, sort_keys=False))


def name_of(manifest: Manifest) -> str:
    metadata = manifest["metadata"]
    return "/".join(filter(None, (manifest["kind"], metadata.get("namespace"), metadata["name"])))


def object_of(path: str | Path, folder: Path) -> tuple[str, str]:
    """(stack, object) of a file that ``write`` made below ``folder``/<stack>."""
    stack, *parts = (folder / path).relative_to(folder).parts
    return stack, "/".join(parts).removesuffix(".yaml")


def written(folder: Path) -> set[tuple[str, str]]:
    """(stack, object) of every file."""
    return {object_of(path, folder) for path in folder.rglob("*.yaml")}


def with_pods(folder: Path) -> set[tuple[str, str]]:
    kinds = ("Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob")
    return {(stack, name) for stack, name in written(folder) if name.startswith(tuple(f"{kind}/" for kind in kinds))}


def shell_scripts(tree: Path) -> list[Path]:
    """What a shell runs, by its first line."""
    scripts: list[Path] = []
    for path in sorted(tree.rglob("*")):
        if path.is_file():
            with path.open("rb") as file:
                if re.match(rb"#!\S*(/| )(ba)?sh\b", file.readline(100)):
                    scripts.append(path)
    return scripts


def dockerfiles(tree: Path) -> list[Path]:
    """``Dockerfile``, or with a word before or after it (``Dockerfile.node``); ``.dockerignore`` is none."""
    named = (path for path in sorted(tree.rglob("*Dockerfile*")) if path.is_file())
    return [path for path in named if path.suffix != ".dockerignore"]


def repository_files() -> list[Path]:
    """What is, or is about to be, in the repository."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    return [ROOT / name for name in sorted(set(listed)) if name and (ROOT / name).is_file()]


def copy_repository(target: Path) -> None:
    """The repository's files without its history and what lies beside it."""
    for path in repository_files():
        copy = target / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)


def write_service_dockerfiles(tree: Path) -> None:
    """The whole Dockerfile of each service, as its image is built by it, beside the service's reference sources."""
    for name, spec in SERVICES.items():
        path = tree / "services" / name / "Dockerfile"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dockerfile(name, spec, ROOT / "images"))
