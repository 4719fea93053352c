"""The smallest program that builds the platform's images as the real one does, and what came of it."""

import json
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from components.platform_services import SERVICES
from image_build.collector import COLLECTOR
from image_build.registry_access import registry_files
from settings.model import Bases
from tests.images.checkout import PLATFORM, flawed, plant
from tests.support.repository import ROOT
from tests.support.workspace import Outcome, Workspace
from tools import images_contents
from tools.docker import Engine
from tools.images_contents import Contents

PROGRAM = """
import json, sys
from pathlib import Path

sys.path.insert(0, {repository!r})

import pulumi
from components.image_builds import build_images
from image_build.plan import plan_builds
from settings.model import Settings
{entries}

root = Path(__file__).parent
settings = Settings.model_validate(json.loads((root / "settings.json").read_text()))
contexts = plan_builds(settings, root)
images = build_images(settings, contexts, root)
for context in contexts:
    pulumi.export(context.service, images[context.service])
"""
PLANTED_IN = ("api", "workers", "backtester", "ops-ui")


class Program:
    """A project in ``folder`` with the repository's images; ``build`` is the setting of that name.

    ``entries`` are statements that add services. The folder may have ``services`` of its own.
    """

    def __init__(
        self, folder: Path, build: Mapping[str, Any], images: Mapping[str, str] | None = None, entries: str = ""
    ) -> None:
        self.folder = folder
        self.build = build
        # The Collector takes minutes: it is built where `only` names it.
        self.images = {
            **({} if "only" in build else {COLLECTOR: f"registry.example.com/{COLLECTOR}:1"}),
            **(images or {}),
        }
        self.source: str | None = None
        self.secrets: list[str] = []
        (folder / "Pulumi.yaml").write_text(
            "name: images\nruntime:\n  name: python\n  options:\n    virtualenv: .venv\n"
        )
        (folder / "__main__.py").write_text(PROGRAM.format(repository=str(ROOT), entries=entries))
        (folder / ".venv").symlink_to(ROOT / ".venv")
        for name in ("images", "services", "tools"):
            if not (folder / name).exists():
                (folder / name).symlink_to(ROOT / name)
        self.write()

    def write(self) -> None:
        """The settings, as the program reads them."""
        settings = {
            "cluster": {"context": "c", "apiServer": "10.0.0.1/32"},
            "grafana": {"url": "https://grafana.example.com"},
            "build": self.build,
            "images": self.images,
            "platform": {"enabled": True, "source": self.source},
        }
        (self.folder / "settings.json").write_text(json.dumps(settings))

    def plant(self) -> Path:
        """Build the flawed checkout instead, with a secret in every place of some services. What it lacks is not built."""
        checkout = flawed(self.folder / "platform")
        self.secrets = [plant(checkout, service) for service in PLANTED_IN]
        self.source = "platform"
        self.images = {
            name: f"registry.example.com/{name}:1" for name in SERVICES if name not in PLATFORM
        } | self.images
        self.write()
        return checkout

    def built(self, engine: Engine, workspace: Callable[[Path], Workspace]) -> Iterator["Built"]:
        """Preview and build; everything goes again in the end."""
        stack = workspace(self.folder)
        before = _images(engine)
        preview = stack.run("preview")
        assert _images(engine) == before, "a preview built something"
        outcome = stack.up()
        try:
            yield Built(engine, stack, self, preview, outcome, stack.outputs())
        finally:
            stack.destroy()


def _images(engine: Engine) -> set[str]:
    return set(engine.run("image", "ls", "--format", "{{.Repository}}:{{.Tag}}", "atlas/*").split())


@dataclass
class Built:
    """``references`` are the images by service."""

    engine: Engine
    stack: Workspace
    program: Program
    preview: Outcome
    outcome: Outcome
    references: dict[str, str]

    def again(self, service: str) -> Contents:
        """The image built once more from the same context, without any layer of the first time."""
        (folder,) = (self.program.folder / ".local/build").glob(f"{service}-{'[0-9a-f]' * 16}")
        tag = f"atlas-test/{service}:again"
        bases = Bases.model_validate(self.program.build["bases"]).model_dump()
        version = self.contents(service).config["Config"]["Labels"]["org.opencontainers.image.version"]
        with tempfile.TemporaryDirectory() as private:
            options = [f"--build-arg={key.upper()}={value}" for key, value in bases.items() if value]
            for name, content in registry_files(os.environ, Path.home()).items():
                (Path(private) / name).write_text(content)
                options.append(f"--secret=id={name},src={private}/{name}")
            options.append(f"--label=org.opencontainers.image.version={version}")
            self.engine.run(
                "build", "--no-cache", "--network=host", f"--target={service}", f"--tag={tag}", *options, str(folder)
            )
        try:
            return images_contents.read(self.engine, tag)
        finally:
            self.engine.run("image", "rm", tag)

    @cached_property
    def _read(self) -> dict[str, tuple[Contents, list[str]]]:
        return {}

    def contents(self, service: str) -> Contents:
        return self._look(service)[0]

    def leaks(self, service: str) -> list[str]:
        """Where in the image a planted secret is: layers, also hidden ones, configuration and history."""
        return self._look(service)[1]

    def _look(self, service: str) -> tuple[Contents, list[str]]:
        if service not in self._read:
            found: list[str] = []

            def look(path: str, content: bytes) -> None:
                found.extend(path for secret in self.program.secrets if secret.encode() in content)

            self._read[service] = images_contents.read(self.engine, self.references[service], look), found
        return self._read[service]
