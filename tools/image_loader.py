"""Loads the images of the embedded node's pods: made on this machine, or pulled when a registry can be reached.

The node's own network has no way out, so this machine pulls for it. ``with_overlay`` writes the images' names into the stack's
settings.
"""

import socket
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from image_build.plan import BuildError
from tools import node_images
from tools.docker import EngineError
from tools.node import Node
from tools.node_services import ServiceImages
from tools.oci import REGISTRY
from tools.paths import ROOT
from tools.ports import LOOPBACK
from tools.progress import SetupError, log
from tools.supervised_process import ClusterError

CONNECT_SECONDS = 3
PULL_SECONDS = 600
DOCKER_HUB = "registry-1.docker.io"
"""The host of images whose name has no registry."""


class ImageLoader:
    """The images of a stack file's pods. ``scaled_to_zero`` are the workloads whose image cannot be had, with the reason."""

    def __init__(self, stack_file: str, binaries: Path) -> None:
        config: dict[str, Any] = yaml.safe_load(stack_file)["config"]
        self._configured: dict[str, str] = {
            name: reference
            for name, reference in (config.get("atlas:images") or {}).items()
            if not is_placeholder(reference)
        }
        self._built = [image for image in node_images.all_images(binaries) if image.name not in self._configured]
        try:
            self._services = ServiceImages((config.get("atlas:platform") or {}).get("source"), set(self._configured))
        except BuildError as error:
            raise ClusterError(str(error)) from error
        pinned = yaml.safe_load((ROOT / "images/upstream.yaml").read_text())
        self._to_pull = self._configured | {
            name: pinned[name] for name in node_images.NEEDS_REGISTRY if name not in self._configured
        }
        self.scaled_to_zero: dict[str, str] = {}

    @property
    def overlay(self) -> dict[str, Any]:
        """The settings that this machine decides: image names, and workloads without an image."""
        made = {image.name: image.reference for image in self._built}
        return {
            "cluster": {"waitForReady": True},
            "images": {**made, **self._services.references},
            "scaledToZero": sorted(self.scaled_to_zero),
        }

    def inspect(self, node: Node | None) -> None:
        """Set ``scaled_to_zero`` to the workloads whose image would have to be pulled and is not on the node."""
        present = node.images() if node is not None else set[str]()
        self.scaled_to_zero = {
            name: "it was not pulled yet" for name in self._to_pull if self._runtime_name(name) not in present
        }

    def load(self, node: Node) -> None:
        """Load the images that the node does not have, and log which cannot be had."""
        node.load(self._built)
        self.scaled_to_zero = {}
        try:
            self._services.load(node)
        except (EngineError, SetupError) as error:
            self.scaled_to_zero |= dict.fromkeys(self._services.references, str(error))
        present = node.images()
        for name, reference in self._to_pull.items():
            if self._runtime_name(name) not in present and (reason := pull(node, reference)):
                self.scaled_to_zero[name] = reason
        for reason in dict.fromkeys(self.scaled_to_zero.values()):
            names = ", ".join(name for name, each in self.scaled_to_zero.items() if each == reason)
            log(f"scaled to zero: {names}, for {reason}")

    def _runtime_name(self, name: str) -> str:
        """The name by which the runtime lists a pulled image."""
        return canonical_name(self._to_pull[name]).removeprefix(f"{REGISTRY}/")


def pull(node: Node, reference: str) -> str | None:
    """Pull an image for the node from this machine. The reason when it fails, or None."""
    name = canonical_name(reference)
    host, _, port = name.partition("/")[0].partition(":")
    host = DOCKER_HUB if host == REGISTRY else host
    local = host in ("localhost", LOOPBACK)
    try:
        socket.create_connection((host, int(port or 443)), timeout=CONNECT_SECONDS).close()
    except OSError:
        return f"the registry {host} cannot be reached"
    command = node.ctr_command("images", "pull", *(["--plain-http"] if local else []), name)
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=PULL_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return f"{name} is not pulled within {PULL_SECONDS} s"
    if answer.returncode != 0:
        return f"{name} is not pulled: {(answer.stderr.strip().splitlines() or ['no reason given'])[-1]}"
    log(f"  {name} pulled")
    return None


def canonical_name(reference: str) -> str:
    """The name by which the kubelet looks for an image: with its registry, and without its tag when it has a digest."""
    name, at, digest = reference.partition("@")
    first, slash, _ = name.partition("/")
    if not slash or ("." not in first and ":" not in first and first != "localhost"):
        name = f"{REGISTRY}/{name}" if slash else f"{REGISTRY}/library/{name}"
    if not at:
        return name
    folder, slash, last = name.rpartition("/")
    return f"{folder}{slash}{last.partition(':')[0]}@{digest}"


def with_overlay(text: str, overlay: Mapping[str, Any]) -> str:
    """A stack file's text with the overlay: mappings are merged into those of the file, other values replace them."""
    if not overlay:
        return text
    document = yaml.safe_load(text)
    config: dict[str, Any] = document["config"]
    for key, value in overlay.items():
        own = config.get(f"atlas:{key}") or {}
        config[f"atlas:{key}"] = {**own, **value} if isinstance(value, Mapping) else value
    return yaml.safe_dump(document, sort_keys=False)


def is_placeholder(reference: str) -> bool:
    """Whether this reference of a stack file stands for an image that this machine builds."""
    return reference.startswith("atlas/") and reference.endswith(":local")
