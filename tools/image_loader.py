"""Loads the images of the embedded node's pods: pulled where a registry has them, else made on this machine.

``image_sources.py`` says which are pulled. The node's own network has no way out, so this machine pulls for it. ``with_overlay``
writes the images' names into the stack's settings.
"""

import subprocess
import time
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import yaml

from image_build.plan import BuildError
from tools import node_images, oci, provision
from tools.docker import EngineError
from tools.image_sources import PINS, ImageSources
from tools.node import Node
from tools.node_services import ServiceImages
from tools.progress import SetupError, log
from tools.registry import DEFAULT_REGISTRY, ImageName, canonical_name, find_unavailable
from tools.supervised_process import ClusterError

CONNECT_SECONDS = 15
PULL_SECONDS = 600
PULLS_AT_A_TIME = 4
LOKI, VICTORIALOGS = "loki", "victorialogs"


class ImageLoader:
    """The images of a stack file's pods. ``scaled_to_zero`` are the workloads whose image cannot be had, with the reason.

    ``deployed_log_backend`` is the store of logs that is there already, where the stack file names none.
    """

    def __init__(
        self,
        stack_file: str,
        binaries: Path,
        sources: ImageSources | None = None,
        deployed_log_backend: str | None = None,
    ) -> None:
        config: dict[str, Any] = yaml.safe_load(stack_file)["config"]
        try:
            self.sources = sources or ImageSources(stack_file, PINS.read_text())
            self._services = ServiceImages((config.get("atlas:platform") or {}).get("source"), set(self.sources.named))
        except (BuildError, SetupError) as error:
            raise ClusterError(str(error)) from error
        self._binaries = binaries
        self.scaled_to_zero: dict[str, str] = {}
        named: str | None = (config.get("atlas:logs") or {}).get("backend")
        self._names_log_backend = named is not None
        self._fixed_log_backend = named or deployed_log_backend
        self._log_backend = self._fixed_log_backend
        if self._log_backend:
            self._deploy_log_backend(self._log_backend)

    @property
    def overlay(self) -> dict[str, Any]:
        """The settings that this machine decides: image names, and workloads without an image."""
        made = {image.name: image.reference for image in self._made()}
        mirror = {"registry": self.sources.registry} if self.sources.registry else {}
        return {
            "cluster": {"waitForReady": True},
            **mirror,
            "images": {**made, **self._services.references},
            **({"logs": {"backend": self._log_backend}} if not self._names_log_backend and self._log_backend else {}),
            "scaledToZero": sorted(self.scaled_to_zero),
        }

    def inspect(self, node: Node | None) -> None:
        """Set ``scaled_to_zero`` to the workloads whose image can neither be made nor pulled and is not on the node."""
        self.sources.ensure_asked()
        present = node.images() if node is not None else set[str]()
        self._choose_log_backend(present)
        self.scaled_to_zero = {
            name: error
            for name, reference in self.sources.pulled.items()
            if (error := self.sources.error(name)) and _runtime_name(reference) not in present
        }

    def load(self, node: Node) -> None:
        """Load the images that the node does not have, and log which cannot be had."""
        self.sources.ensure_asked()
        without_loki = self._choose_log_backend(node.images())
        self.scaled_to_zero = self._pull(node)
        if self._fixed_log_backend is None and LOKI in self.scaled_to_zero:  # it was said to be there
            without_loki = self.scaled_to_zero[LOKI]
            self._deploy_log_backend(VICTORIALOGS)
            self.scaled_to_zero = self._pull(node)
        if without_loki:
            log(f"logs go to VictoriaLogs, since Loki's image cannot be had: {without_loki}")
        self._build_failed()
        try:
            node.load(self._made())
        except SetupError as error:
            raise ClusterError(str(error)) from error
        try:
            self._services.load(node)
        except (EngineError, SetupError) as error:
            self.scaled_to_zero |= dict.fromkeys(self._services.references, str(error))
        self.sources.mark_loaded([name for name in self.sources.wanted if name not in self.scaled_to_zero])
        for reason in dict.fromkeys(self.scaled_to_zero.values()):
            names = ", ".join(name for name, each in self.scaled_to_zero.items() if each == reason)
            log(f"scaled to zero: {names}, for {reason}")

    def _choose_log_backend(self, present: Collection[str]) -> str | None:
        """Take VictoriaLogs where Loki's image cannot be had, and return why it cannot.

        A store that the stack file names, or that is deployed, stays: with another one, the logs of before are out of reach.
        """
        if self._fixed_log_backend is not None:
            return None
        reason = None if _runtime_name(self.sources.reference(LOKI)) in present else self.sources.error(LOKI)
        self._deploy_log_backend(VICTORIALOGS if reason else LOKI)
        return reason

    def _deploy_log_backend(self, backend: str) -> None:
        """Keep the image of the store that is not deployed away from the node."""
        self._log_backend = backend
        self.sources.leave_out({LOKI, VICTORIALOGS} - {backend})

    def _made(self) -> list[oci.Image]:
        """The images that are made on this machine."""
        made = self.sources.made
        return [image for image in node_images.all_images(self._binaries) if image.name in made]

    def _pull(self, node: Node) -> dict[str, str]:
        """Pull what the node does not have. The images that can neither be pulled nor made, with the reason."""
        present = node.images()
        missing = {
            name: reference
            for name, reference in self.sources.pulled.items()
            if _runtime_name(reference) not in present
        }
        with ThreadPoolExecutor(PULLS_AT_A_TIME) as threads:
            asked = {name: reference for name, reference in missing.items() if not self.sources.error(name)}
            answers = dict(zip(asked, threads.map(lambda each: pull(node, each), asked.values()), strict=True))
        without = {name: error for name in missing if (error := self.sources.error(name))}
        for name, error in answers.items():
            if error is not None:
                self.sources.mark_failed(name, error)
                if name in self.sources.pulled:
                    without[name] = error
                else:
                    log(f"  {name} was said to be there, but {error}; it is built instead")
        return without

    def _build_failed(self) -> None:
        """Build the programs of images that are made after all and that set-up has not built."""
        programs = {
            program
            for name, program in node_images.BINARIES.items()
            if name in self.sources.made and not (self._binaries / program).exists()
        }
        if programs:
            try:
                provision.set_up([], programs)
            except SetupError as error:
                raise ClusterError(f"{error}\nOr build them later: python3 tools/setup.py node") from error


def pull(node: Node, reference: str) -> str | None:
    """Pull an image for the node from this machine. The reason when it fails, or None."""
    name = canonical_name(reference)
    if error := find_unavailable([reference], CONNECT_SECONDS).get(reference):
        return error
    plain = ["--plain-http"] if ImageName.of(reference).plain_http else []
    command, began = node.ctr_command("images", "pull", *plain, name), time.monotonic()
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=PULL_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return f"{name} is not pulled within {PULL_SECONDS} s"
    if answer.returncode != 0:
        return f"{name} is not pulled: {(answer.stderr.strip().splitlines() or ['no reason given'])[-1]}"
    log(f"  {name} pulled in {time.monotonic() - began:.1f} s")
    return None


def _runtime_name(reference: str) -> str:
    """The name by which the runtime lists a pulled image."""
    return canonical_name(reference).removeprefix(f"{DEFAULT_REGISTRY}/")


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
