"""The digest that each tag has in its registry. Production deploys it, so that nothing runs there that no preview has shown.

A tag that moved is another image in the pod's spec and in the stack's output. Elsewhere no registry is asked.
"""

import json
import os
from base64 import b64decode
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pulumi
from pulumi import Input, InvokeOptions, Output

from catalog.images import DOCKER_HUB, IMAGES, Images, check_reference, is_digest_reference, registry_of
from components.inventory import workloads
from components.platform_services import SERVICES
from image_build.context import Context
from settings.model import Settings

if TYPE_CHECKING:
    import pulumi_docker as docker

_DOCKER_HUB_NAMES = ("docker.io", "index.docker.io", DOCKER_HUB)


class ImageDigestError(pulumi.RunError):
    """An image has no digest to deploy. Pulumi prints the message without a traceback."""


def tagged_images(settings: Settings, built: Collection[str]) -> dict[str, str]:
    """The deployed images that are named by a tag alone, by workload. ``built`` are the workloads whose image is built here."""
    images = Images(overrides=settings.images, registry=settings.registry, template=settings.platform.image_template)
    named = {name for _, name in workloads(settings) if name in IMAGES}
    if settings.platform.enabled:
        named |= SERVICES.keys()
    references = {name: images[name] for name in sorted(named - set(built))}
    return {
        name: reference
        for name, reference in references.items()
        if isinstance(reference, str) and not is_digest_reference(reference)
    }


def resolve_tags(settings: Settings, builds: Sequence[Context], docker_config: Input[str] | None) -> dict[str, str]:
    """``name:tag@sha256:…`` of each image that is named by a tag, by workload; nothing where tags are deployed as they are.

    It waits for the registries, so that an image that is not there stops a run before it changes anything. ``docker_config`` has
    their credentials, as in a ``config.json`` of Docker; without it, those of the user's own file are used.

    Raises:
        ImageDigestError: names every image that a registry does not have or does not show.
    """
    tagged = tagged_images(settings, [each.service for each in builds]) if settings.digests_only else {}
    if not tagged:
        return {}
    # Here, for it costs each start what most stacks never use.
    import pulumi_docker as docker

    provider = _provider(sorted({registry_of(each) for each in tagged.values()}), docker_config)
    options = InvokeOptions(provider=provider)
    found: dict[str, str] = {}
    failures: list[str] = []
    for name, reference in tagged.items():
        try:
            digest = docker.get_registry_image(name=reference, opts=options).sha256_digest
            found[name] = check_reference(f"{reference}@{digest}")
        except Exception as error:  # the SDK raises nothing narrower
            failures.append(f"  {name}: {reference}: {_reason(error)}")
    if failures:
        raise ImageDigestError(
            f"{len(failures)} image(s) have no digest to deploy:\n"
            + "\n".join(failures)
            + "\nfix: push the image, correct the "
            "tag in images or platform.imageTemplate, or set the credentials of its registry (secret registryDockerConfig)"
        )
    return found


def _provider(registries: Sequence[str], docker_config: Input[str] | None) -> "docker.Provider":
    import pulumi_docker as docker

    accounts: Input[Any] = None
    if docker_config is not None:
        accounts = Output.from_input(docker_config).apply(lambda text: registry_accounts(text, registries))
    elif _own_file(os.environ, Path.home()).is_file():
        # Without user and password the plugin reads the user's own file: nothing of it comes into the state.
        accounts = [{"address": registry} for registry in registries]
    return docker.Provider(
        "registries",
        registry_auth=accounts,
        # Registries alone are asked. No engine is needed, and where this machine's is must not come into the state.
        disable_docker_daemon_check=True,
        host="unix:///var/run/docker.sock",
    )


def registry_accounts(docker_config: str, registries: Collection[str]) -> list[dict[str, str]]:
    """The accounts at these registries, as the provider takes them."""
    accounts: dict[str, dict[str, str]] = {}
    entries: Mapping[str, Mapping[str, str]] = json.loads(docker_config)["auths"]
    for key, entry in entries.items():
        host = (key.partition("://")[2] or key).partition("/")[0]
        host = DOCKER_HUB if host in _DOCKER_HUB_NAMES else host
        if host in registries:
            username, _, password = b64decode(entry["auth"]).decode().partition(":")
            accounts[host] = {"address": host, "username": username, "password": password}
    return [accounts[host] for host in sorted(accounts)]


def _own_file(environment: Mapping[str, str], home: Path) -> Path:
    """Where the user's own credentials are: DOCKER_CONFIG names the file, or its folder."""
    named = Path(environment.get("DOCKER_CONFIG") or home / ".docker")
    return named if named.is_file() else named / "config.json"


def _reason(error: Exception) -> str:
    """What the plugin said, without what the engine and the SDK put before it."""
    return str(error).rpartition("returned an error: ")[2].strip()
