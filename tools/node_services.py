"""Images of the platform's own services for the embedded cluster: built in this clone's engine as the program builds them."""

import tempfile
import time
from collections.abc import Collection
from pathlib import Path
from typing import Any

from components.build import LOCAL, BuildArgs, build_arguments, version
from components.build_context import Context
from components.build_plan import planned
from components.settings import Bases, Settings
from tools import images as bases_of
from tools.docker import Engine
from tools.node import Node
from tools.paths import ROOT
from tools.progress import log


class ServiceImages:
    """The services' images, by what they are made of. `source` is the platform's checkout; without one, the reference services.

    Those of `without` come from elsewhere.
    """

    def __init__(self, source: str | None = None, without: Collection[str] = ()) -> None:
        bases = Bases.model_validate(bases_of.references())
        settings = Settings.model_validate(_minimal_settings(bases, source))
        self._contexts = [each for each in planned(settings, ROOT) if each.service not in without]
        self._args = BuildArgs(
            settings=settings.build, contexts=self._contexts, root=ROOT, tell=settings.platform.source is not None
        )

    @property
    def references(self) -> dict[str, str]:
        """What pods name them by."""
        return {context.service: self._reference(context) for context in self._contexts}

    def load(self, node: Node) -> None:
        """Build what the node does not have, and give it to it. The engine runs only as long as it is needed.

        Raises:
            EngineError, SetupError: say what is missing, and the mend.
        """
        there = node.images()
        lacking = [context for context in self._contexts if self._reference(context) not in there]
        if not lacking:
            return
        with Engine().running() as engine:
            bases_of.make_bases(engine)
            for context in lacking:
                began = time.monotonic()
                self._load(context, engine, node)
                log(f"  {self._reference(context)} built and brought in {time.monotonic() - began:.1f} s")

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
        return f"{LOCAL}/{context.service}:{version(context, build_arguments(context, self._args))}"

    def _build(self, context: Context, engine: Engine) -> None:
        options = [f"--build-arg={key}={value}" for key, value in build_arguments(context, self._args).items()]
        with tempfile.TemporaryDirectory() as private:
            options += bases_of.build_secrets(Path(private))
            tag = f"--tag={self._reference(context)}"
            engine.run("build", "--network=host", f"--target={context.service}", tag, *options, str(context.folder))


def _minimal_settings(bases: Bases, source: str | None) -> dict[str, Any]:
    """Settings that plan the services' images, and are of no cluster."""
    return {
        "cluster": {"context": "none", "apiServer": "10.0.0.1/32"},
        "grafana": {"url": "http://localhost:3000"},
        "trading": {"enabled": True},
        "build": {"enabled": True, "bases": bases.model_dump(by_alias=True)},
        "platform": {"source": source},
    }
