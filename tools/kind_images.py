"""Builds the images of the platform's services with the user's own Docker engine, and loads them into the cluster of kind.

The stack ``local-kind`` names them by a tag, ``atlas/<service>:local``. The engine is that of DOCKER_HOST or Docker's default.
Base images are those of the stack file's ``build.bases``, else the Dockerfiles' own, which the engine pulls.
"""

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[1])  # the repository, instead of this folder

import argparse
import os
import shutil
import tempfile
from typing import Any

import yaml

from image_build.plan import BuildError
from settings.model import Bases
from tools.images import build_secrets
from tools.node_services import plan_service_builds
from tools.paths import ROOT
from tools.progress import SetupError, Steps, run

STACK = "local-kind"
PROGRAMS = {"docker": "docs.docker.com/engine/install", "kind": "kind.sigs.k8s.io"}


def load_images(config: dict[str, Any]) -> None:
    """Build each service's image and load all of them into the cluster that the stack's context names.

    Raises:
        SetupError, BuildError: say what is missing and how to fix it.
    """
    missing = [f"{name} is not on PATH\nfix: {place}" for name, place in PROGRAMS.items() if shutil.which(name) is None]
    if missing:
        raise SetupError("\n".join(missing))
    platform, context = config.get("atlas:platform") or {}, config["atlas:cluster"]["context"]
    bases = Bases.model_validate((config.get("atlas:build") or {}).get("bases") or {})
    contexts, arguments = plan_service_builds(bases, platform.get("source"))
    template: str = platform["imageTemplate"]
    references = [template.format(service=each.service) for each in contexts]
    steps = Steps(len(contexts) + 1)
    environment = {**os.environ, "DOCKER_BUILDKIT": "1"}
    with tempfile.TemporaryDirectory() as private:
        secrets = build_secrets(Path(private))
        for each, reference in zip(contexts, references, strict=True):
            command = ["docker", "build", f"--target={each.service}", f"--tag={reference}", *secrets]
            command += [f"--build-arg={key}={value}" for key, value in arguments(each).items()]

            command.append(str(each.folder))

            def build(command: list[str] = command, name: str = each.service) -> str:
                run(f"docker build of {name}", command, cwd=ROOT, environment=environment)
                return "built"

            steps.do(reference, build)

    def load() -> str:
        command = ["kind", "load", "docker-image", f"--name={context.removeprefix('kind-')}", *references]
        run(
            "kind load",
            command,
            cwd=ROOT,
            environment=environment,
            hint=lambda _: "fix: kind create cluster --name atlas",
        )
        return "loaded"

    steps.do("kind", load)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="kind_images.py", description="The platform's images for a cluster of kind.")
    parser.parse_args(arguments)
    try:
        load_images(yaml.safe_load((ROOT / f"Pulumi.{STACK}.yaml").read_text())["config"])
    except (SetupError, BuildError) as error:
        print(f"kind-images: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
