"""Base images for a machine that cannot reach a container registry, and a table of what is in images.

``bases`` makes the base images from Debian's packages (debootstrap) and ``images/base`` in this clone's own engine, and prints the
setting that names them. Their tag is a hash of what they are made from, so the second run takes no time; ``--fresh`` fetches newer
packages. ``table IMAGE…`` prints the megabytes that images add to their base.
"""

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[1])  # the repository, instead of this folder

import argparse
import hashlib
import os
import shutil
import subprocess
import tempfile

from image_build.registry_access import registry_files
from tools import images_contents
from tools.docker import DIRECTORY, Engine, EngineError
from tools.paths import ROOT, TOOLS
from tools.progress import SetupError, Steps, run

SUITE = "bookworm"
MIRROR = "http://deb.debian.org/debian"
BASE = ROOT / "images" / "base"
GO = TOOLS / "go.txt"
TARGETS = {
    "nodeBuilder": "builder",
    "nodeRuntime": "node",
    "pythonBuilder": "builder",
    "pythonRuntime": "python",
    "goBuilder": "go",
    "staticRuntime": "static",
}
"""The settings of ``build.bases``, each with its stage of images/base/Dockerfile."""


def references() -> dict[str, str]:
    """The reference of each base image by its setting. It changes with all that the image is made of, except Debian's packages."""
    digest = hashlib.sha256(f"{SUITE}\0{MIRROR}\0".encode())
    for path in (*sorted(BASE.iterdir()), GO):
        digest.update(f"{path.name}\0".encode() + path.read_bytes())
    key = digest.hexdigest()[:12]
    return {setting: f"atlas/base-{stage}:{key}" for setting, stage in TARGETS.items()}


def make_bases(engine: Engine, *, fresh: bool = False) -> dict[str, str]:
    """Make the base images that are not there, and return the references of all.

    Raises:
        EngineError, SetupError: say what is missing and how to fix it.
    """
    wanted = references()
    stages = sorted(set(TARGETS.values()))
    by_stage = {TARGETS[setting]: reference for setting, reference in wanted.items()}
    steps = Steps(1 + len(stages))
    debian = f"atlas/debian:{SUITE}"
    if fresh or not engine.has_image(debian):
        steps.do("Debian", lambda: _bootstrap(engine, debian))
    else:
        steps.skip("Debian", "exists")
    with tempfile.TemporaryDirectory() as private:
        context = Path(private, "context")
        shutil.copytree(BASE, context)
        shutil.copyfile(GO, context / GO.name)
        options = build_secrets(Path(private))
        for stage in stages:
            reference = by_stage[stage]
            if not fresh and engine.has_image(reference):
                steps.skip(reference, "exists")
                continue
            arguments = [f"--build-arg=DEBIAN={debian}", f"--target={stage}", f"--tag={reference}"]
            arguments += ["--no-cache"] if fresh else []

            def build(arguments: list[str] = arguments) -> str:
                engine.run("build", "--network=host", "--progress=plain", *arguments, *options, str(context))
                return "made"

            steps.do(reference, build)
    return wanted


def build_secrets(private: Path) -> list[str]:
    """The flags that give ``docker build`` access to the package registries. Their files go into ``private``."""
    options: list[str] = []
    for name, content in registry_files(os.environ, Path.home()).items():
        file = private / name
        file.touch(mode=0o600)
        file.write_text(content)
        options.append(f"--secret=id={name},src={file}")
    return options


def _bootstrap(engine: Engine, reference: str) -> str:
    if shutil.which("debootstrap") is None:
        raise SetupError("debootstrap is missing; fix: apt-get install debootstrap")
    with tempfile.TemporaryDirectory() as scratch:
        tree = Path(scratch, "debian")
        run(
            "debootstrap",
            ["debootstrap", "--variant=minbase", SUITE, str(tree), MIRROR],
            cwd=ROOT,
            environment=os.environ,
            hint=lambda _: f"fix: let this machine reach {MIRROR}, as root",
        )
        archive = subprocess.run(
            ["tar", "--numeric-owner", "-C", str(tree), "-c", "."], capture_output=True, check=True
        )
    engine.run("import", "-", reference, stdin=archive.stdout)
    return "made"


def sizes(engine: Engine, images: list[str]) -> str:
    """The table of these images, each of which must have been made from one of our base images."""
    bases = [
        images_contents.read(engine, reference)
        for reference in sorted(set(references().values()))
        if engine.has_image(reference)
    ]
    rows = [
        images_contents.row(image, _base_of(image, bases))
        for image in (images_contents.read(engine, name) for name in images)
    ]
    return images_contents.table(rows)


def _base_of(image: images_contents.Contents, bases: list[images_contents.Contents]) -> images_contents.Contents:
    layers = image.config["RootFS"]["Layers"]
    for base in bases:
        own = base.config["RootFS"]["Layers"]
        if layers[: len(own)] == own:
            return base
    raise EngineError(f"{image.reference} was made from none of our base images")


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="images.py", description="Base images without a registry.")
    parser.add_argument("command", choices=("bases", "table"))
    parser.add_argument("images", nargs="*", help="images for the table")
    parser.add_argument("--directory", type=Path, default=DIRECTORY, help="the engine's directory")
    parser.add_argument("--fresh", action="store_true", help="make them anew, with Debian's packages of today")
    options = parser.parse_args(arguments)
    engine = Engine(options.directory.absolute())
    try:
        engine.up()
        if options.command == "table":
            print(sizes(engine, options.images))
            return 0
        made = make_bases(engine, fresh=options.fresh)
    except (EngineError, SetupError) as error:
        print(f"images: {error}", file=sys.stderr)
        return 1
    print("atlas:build:\n  enabled: true\n  bases:\n" + "\n".join(f"    {key}: {value}" for key, value in made.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
