"""Images of the platform's services for the embedded cluster, built as the Pulumi program does, in this clone's Docker engine."""

import tempfile
import time
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from components.image_builds import LOCAL, ImageBuildsArgs, build_arguments, version
from image_build.collector import COLLECTOR
from image_build.context import Context
from image_build.plan import plan_builds
from settings.model import Bases, Settings
from tools import images as base_images
from tools.docker import Engine
from tools.node import Node
from tools.paths import ROOT
from tools.progress import log


class ServiceImages:
    """The images of the services in ``source``, the platform's checkout, or of the reference services when there is none.

    ``without`` names services whose image comes from elsewhere. The Collector's is made of the program that set-up builds.
    """

    def __init__(self, source: str | None = None, without: Collection[str] = ()) -> None:
        bases = Bases.model_validate(base_images.references())
        planned, self._arguments = plan_service_builds(bases, source)
        self._contexts = [each for each in planned if each.service not in {COLLECTOR, *without}]

    @property
    def references(self) -> dict[str, str]:
        """The references of the images, by service."""
        return {context.service: self._reference(context) for context in self._contexts}

    def load(self, node: Node) -> None:
        """Build and load the images that the node does not have. The engine runs only while it is needed.

        Raises:
            EngineError, SetupError: say what is missing and how to fix it.
        """
        present = node.images()
        missing = [context for context in self._contexts if self._reference(context) not in present]
        if not missing:
            return
        with Engine().running() as engine:
            base_images.make_bases(engine)
            for context in missing:
                began = time.monotonic()
                self._load(context, engine, node)
                log(f"  {self._reference(context)} built and loaded in {time.monotonic() - began:.1f} s")

    def _load(self, context: Context, engine: Engine, node: Node) -> None:
        reference = self._reference(context)
        if not engine.has_image(reference):
            self._build(context, engine)
        with tempfile.TemporaryDirectory() as scratch:
            file = Path(scratch, "image.tar")
            engine.run("save", f"--output={file}", reference)
            with file.open("rb") as archive:
                node.import_archive(archive)

    def _reference(self, context: Context) -> str:
        return f"{LOCAL}/{context.service}:{version(context, self._arguments(context))}"

    def _build(self, context: Context, engine: Engine) -> None:
        options = [f"--build-arg={key}={value}" for key, value in self._arguments(context).items()]
        with tempfile.TemporaryDirectory() as private:
            options += base_images.build_secrets(Path(private))
            tag = f"--tag={self._reference(context)}"
            engine.run("build", "--network=host", f"--target={context.service}", tag, *options, str(context.folder))


def plan_service_builds(
    bases: Bases, source: str | None
) -> tuple[list[Context], Callable[[Context], Mapping[str, str]]]:
    """A context for each service, written as the Pulumi program writes it, and the build arguments of a context.

    Raises:
        BuildError: an issue of the checkout leaves an image that cannot be built.
    """
    settings = Settings.model_validate(_minimal_settings(bases, source))
    contexts = plan_builds(settings, ROOT)
    args = ImageBuildsArgs(
        settings=settings.build,
        contexts=contexts,
        root=ROOT,
        allow_type_errors=settings.platform.source is not None,
    )
    return contexts, lambda context: build_arguments(context, args)


def _minimal_settings(bases: Bases, source: str | None) -> dict[str, Any]:
    """The least settings from which the services' builds can be planned. They name no real cluster."""
    return {
        "cluster": {"context": "none", "apiServer": "10.0.0.1/32"},
        "grafana": {"url": "http://localhost:3000"},
        "build": {"enabled": True, "bases": bases.model_dump(by_alias=True)},
        "platform": {"enabled": True, "source": source},
    }
