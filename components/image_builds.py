"""Images that the program itself builds, by Docker's BuildKit. ``images/`` and ``image_build/context.py`` say what is in them."""

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pulumi
from pulumi import Input, Output, ResourceOptions

from catalog.images import Images
from image_build.context import Context
from image_build.registry_access import registry_files
from settings.model import Build as BuildSettings
from settings.model import Settings

if TYPE_CHECKING:
    import pulumi_docker_build as docker_build

LOCAL = "atlas"
"""Repository of images that stay in the engine which built them."""


@dataclass(frozen=True, kw_only=True)
class ImageBuildsArgs:
    """``registry_files`` are the build secrets by which pip and npm reach their registries (``image_build/registry_access.py``).

    With ``allow_type_errors`` a build that complains of types is taken: the platform's own code is built as it is.
    """

    settings: BuildSettings
    contexts: Sequence[Context]
    root: Path
    registry_files: Mapping[str, str] = field(default_factory=dict[str, str])
    allow_type_errors: bool = False


class ImageBuilds(pulumi.ComponentResource):
    """``references`` are what pods run, by image: known when it is built, by digest when it is pushed."""

    references: dict[str, Output[str]]

    def __init__(self, name: str, args: ImageBuildsArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("atlas:index:Build", name, {}, opts)
        child = ResourceOptions(parent=self)
        self.references = {context.service: self._image(context, args, child).ref for context in args.contexts}
        self.register_outputs({})

    @staticmethod
    def _image(context: Context, args: ImageBuildsArgs, child: ResourceOptions) -> "docker_build.Image":
        # Here, for it costs each start what most stacks never use.
        import pulumi_docker_build as docker_build

        folder = context.folder.relative_to(args.root).as_posix()
        arguments = build_arguments(context, args)
        named = version(context, arguments)
        repository = args.settings.repository
        secrets: dict[str, Input[str]] = {key: Output.secret(content) for key, content in args.registry_files.items()}
        return docker_build.Image(
            context.service,
            context={"location": folder},
            dockerfile={"location": f"{folder}/Dockerfile"},
            target=context.service,
            build_args=arguments,
            build_on_preview=False,
            labels={
                "org.opencontainers.image.version": named,
                "org.opencontainers.image.vendor": "atlas",
            },
            tags=[f"{repository or LOCAL}/{context.service}:{named}"],
            push=repository is not None,
            load=repository is None,
            secrets=secrets,
            # How a registry is reached is no part of what is built: another machine's way rebuilds nothing.
            ignore_secrets_in_diff_calculation=list(secrets),
            opts=child,
        )


def build_arguments(context: Context, args: ImageBuildsArgs) -> dict[str, str]:
    """The build arguments of one image, sorted."""
    bases = {key.upper(): value for key, value in args.settings.bases.model_dump().items() if value}
    prefixes = {"node": ("NODE_",), "python": ("PYTHON_",), "go": ("GO_", "STATIC_")}[context.language]
    arguments = {key: bases[key] for key in sorted(bases) if key.startswith(prefixes)}
    return arguments | ({"TYPE_ERRORS": "warn"} if args.allow_type_errors and context.language == "node" else {})


def version(context: Context, arguments: Mapping[str, str]) -> str:
    """Names what an image is made of: 16 hexadecimal digits of its context and arguments."""
    text = "\0".join((context.digest, *(f"{key}={value}" for key, value in sorted(arguments.items()))))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def build_images(
    settings: Settings, contexts: Sequence[Context], root: Path, digests: Mapping[str, str] | None = None
) -> Images:
    """The image of each workload: the one that the settings name, else the one that is built here, else the pinned one.

    ``contexts`` are those of the images to build; ``root`` is the program's folder. ``digests`` are the references by digest that
    take the place of those by tag, by workload (``components/image_digests.py``).
    """
    built: Mapping[str, Input[str]] = {}
    if contexts:
        args = ImageBuildsArgs(
            settings=settings.build,
            contexts=contexts,
            root=root,
            registry_files=registry_files(os.environ, Path.home()),
            allow_type_errors=settings.platform.source is not None,
        )
        built = ImageBuilds("images", args).references
    return Images(
        overrides={**settings.images, **(digests or {})},
        built=built,
        registry=settings.registry,
        template=settings.platform.image_template,
    )
