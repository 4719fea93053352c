"""What ``make up|preview|down|status|open|wipe|env`` does with one stack, by plain ``pulumi`` commands.

The stack ``local`` lives in the embedded cluster. Its state, passphrase and encryption salt are in ``.local``; its secrets come
from ``conf/secrets.env`` or the file that SECRETS_ENV names. Any other stack is deployed into the cluster of the user's
KUBECONFIG, with the user's passphrase or secrets provider.
"""

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[1])  # the repository, instead of this folder

import argparse
import hashlib
import os
import re
import secrets
import shlex
import subprocess
from typing import TYPE_CHECKING, Any

import yaml

from tools import node_requirements
from tools.cluster import BINARIES, Cluster, ClusterError
from tools.image_sources import ANSWER
from tools.kubectl import kubectl_cache
from tools.paths import ROOT
from tools.pki import write_private
from tools.port_forward import Access
from tools.secrets_env import SecretsEnv, SecretsEnvError, read
from tools.status import choose_port_forwards, open_port_forwards, print_status, service_names

if TYPE_CHECKING:
    from tools.image_loader import ImageLoader

PRIVATE = ROOT / ".local"
LOCAL = "local"
PASSPHRASE = PRIVATE / "passphrase"
PATCH_FORCE = {"PULUMI_K8S_ENABLE_PATCH_FORCE": "true"}
"""What the program declares is its own, whoever set it. An object that a killed update made and did not record has another field
manager, and each later change of it would be refused as a conflict.
"""
REFRESH = "--refresh"
"""Compare with the cluster and not with the last update: what somebody deleted or changed by hand is seen and mended."""


class StackError(Exception):
    """What is missing or wrong, for whoever typed the command."""


class Stack:
    """One stack, and the environment in which the plain CLI works on it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.local = name == LOCAL
        self.config = ROOT / f"Pulumi.{name}.yaml"
        if not self.config.exists():
            known = ", ".join(sorted(p.name.split(".")[1] for p in ROOT.glob("Pulumi.*.yaml")))
            raise StackError(f"there is no stack {name!r}: {self.config.name} does not exist (stacks: {known})")
        self._image_loader: ImageLoader | None = None
        self.extra_environment = self._extra_environment()
        self.environment = {**os.environ, **self.extra_environment}

    def up(self, extra: list[str]) -> None:
        node = self.local and self._choose_node()
        self._prepare()
        if self.local:
            self._start_cluster(node=node)
            if node:
                self._load_images()
            self._pulumi("up", REFRESH, "--yes", "--skip-preview", *self._config_file(), *extra)
        else:
            self._pulumi("up", REFRESH, *extra)

    def preview(self, extra: list[str]) -> None:
        if self.local:
            self._choose_node()
        self._prepare()
        if self.local:
            self._start_cluster()
        self._pulumi("preview", REFRESH, "--diff", *self._config_file(), *extra)

    def down(self, extra: list[str]) -> None:
        if not self.local:
            self._prepare()
            self._pulumi("destroy", *extra)
            return
        if self._deployed():
            self._start_cluster()
            self._pulumi("destroy", REFRESH, "--yes", "--skip-preview", *self._config_file(), *extra)
        self._cluster().down()

    def wipe(self) -> None:
        """Remove the local stack's cluster, state and secrets. The state of other stacks in the same folder stays."""
        if not self.local:
            raise StackError("only the local stack can be wiped; `make down` destroys what another one deployed")
        if self._exists():
            self._pulumi("stack", "rm", "--yes", "--force", "--preserve-config")
        self._cluster().wipe()
        for path in (PASSPHRASE, ANSWER, self._salted_config(), self._scratch() / self.config.name):
            path.unlink(missing_ok=True)

    def status(self) -> bool:
        """Print what runs. False when something is not healthy."""
        healthy = self._cluster().status() if self.local else True
        if not self._exists():
            print(f"stack {self.name} has not been deployed from here")
            return healthy
        if self.local and not self._cluster().node.exists:
            print("the cluster has no node, so no pod runs")
            return healthy
        return healthy and print_status(self._access(), self._namespaces())

    def open(self) -> bool:
        """Forward ports of this machine to Grafana, the telemetry backends and the platform, until interrupted."""
        access, namespaces = self._access(), self._namespaces()
        deployed = service_names(access, namespaces["observability"])
        return open_port_forwards(access, choose_port_forwards(namespaces, self._public_services(), deployed))

    def _access(self) -> Access:
        host = self._cluster().node.host if self.local else None
        inside = host.enter("env", mounts=False) if host is not None and host.namespace_holder is not None else []
        context = self._config_value("cluster", "context")
        return Access(environment=self.environment, context=context, private=PRIVATE, node_command=inside)

    def _namespaces(self) -> dict[str, str]:
        """The stack's namespaces by role. A name that its file does not set is the default of the settings."""
        defaults = {"observability": "observability", "trading": "trading", "agents": "node-agents"}
        return {role: self._config_value("namespaces", role) or name for role, name in defaults.items()}

    def _public_services(self) -> dict[str, int]:
        """The platform's services that people or clients open, with their ports."""
        # Imported here because they import Pulumi, which most commands do not need.
        from components.platform_services import SERVICES, is_public
        from settings.model import Platform

        config = yaml.safe_load(self.config.read_text())["config"]
        try:
            platform = Platform.model_validate(config.get("atlas:platform") or {})
        except ValueError as error:
            raise StackError(f"atlas:platform in {self.config.name} is not valid: {error}") from error
        ports = {name: entry.port for name, entry in SERVICES.items() if is_public(name, platform)}
        return {name: port for name, port in ports.items() if port is not None}

    def _choose_node(self) -> bool:
        """Whether the embedded cluster gets a node; prints the reason when not. Chooses the images of its pods."""
        if os.environ.get("NODE") == "no":
            print("the cluster has no node, as NODE=no asks: objects are declared and no pod starts", flush=True)
            return False
        if issues := node_requirements.missing():
            print(node_requirements.message(issues), flush=True)
            return False
        # Imported here because it imports Pulumi, which most commands do not need.
        from tools.image_loader import ImageLoader

        self._image_loader = ImageLoader(
            self.config.read_text(), BINARIES, deployed_log_backend=self._deployed_log_backend()
        )
        node = self._cluster().node
        self._image_loader.inspect(node if node.host.namespace_holder is not None else None)
        return True

    def _deployed_log_backend(self) -> str | None:
        """The store of logs of the last update, which holds logs."""
        if not self._salted_config().exists():
            return None
        config = yaml.safe_load(self._salted_config().read_text())["config"]
        backend = (config.get("atlas:logs") or {}).get("backend")
        return backend if backend and self._deployed() else None

    def _log_backend_overlay(self) -> dict[str, Any]:
        """What keeps that store where this machine does not choose, as without a node."""
        if self._config_value("logs", "backend") or not (backend := self._deployed_log_backend()):
            return {}
        return {"logs": {"backend": backend}}

    def _load_images(self) -> None:
        """Load the images into the node. A workload whose image cannot be had is scaled to zero."""
        if self._image_loader is not None:
            self._image_loader.load(self._cluster().node)
            self._write_salted_config()

    def _config_value(self, section: str, key: str) -> Any:
        config = yaml.safe_load(self.config.read_text())["config"]
        return (config.get(f"atlas:{section}") or {}).get(key)

    def _extra_environment(self) -> dict[str, str]:
        """The variables that are added to the user's environment."""
        added = {
            "PATH": os.pathsep.join([str(PRIVATE / "bin"), str(ROOT / ".venv/bin"), os.environ["PATH"]]),
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            **PATCH_FORCE,
            **kubectl_cache(PRIVATE),
        }
        if self.local or "PULUMI_BACKEND_URL" not in os.environ:
            # No metadata files beside the state: a `kill -9` can leave them empty, and then the CLI opens no stack.
            added["PULUMI_BACKEND_URL"] = f"file://{PRIVATE / 'state'}?metadata=skip"
        if self.local:
            added["KUBECONFIG"] = str(PRIVATE / "cluster" / "kubeconfig")
            added["PULUMI_CONFIG_PASSPHRASE_FILE"] = str(PASSPHRASE)
            added["PULUMI_FALLBACK_TO_STATE_SECRETS_MANAGER"] = "true"
        return added

    def _prepare(self) -> None:
        """Make sure that the stack exists and can be deployed."""
        (PRIVATE / "state").mkdir(parents=True, exist_ok=True, mode=0o700)
        if self.local:
            if not PASSPHRASE.exists():
                write_private(PASSPHRASE, secrets.token_urlsafe(32).encode())
            if not self._exists():
                self._init_local()
            self._write_salted_config()
            return
        self._require_access()
        if not self._exists():
            provider = self._secrets_provider()
            self._pulumi("stack", "init", *(["--secrets-provider", provider] if provider else []))

    def _require_access(self) -> None:
        missing: list[str] = []
        files = [Path(p) for p in os.environ.get("KUBECONFIG", "").split(os.pathsep) if p]
        if not files:
            missing.append(
                f"KUBECONFIG must name the kubeconfig of the cluster: KUBECONFIG=… make up STACK={self.name}"
            )
        missing += [f"KUBECONFIG names {path}, which does not exist" for path in files if not path.is_file()]
        has_passphrase = any(os.environ.get(n) for n in ("PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE"))
        kept_by_service = self.environment["PULUMI_BACKEND_URL"].startswith("https://")
        if not has_passphrase and not kept_by_service and not self._secrets_provider():
            missing.append(
                "the stack's secrets need a key: set PULUMI_CONFIG_PASSPHRASE_FILE (or PULUMI_CONFIG_PASSPHRASE), "
                f"or name a key service as `secretsprovider:` in {self.config.name}"
            )
        if missing:
            raise StackError("\n".join([f"stack {self.name} cannot be reached:", *(f"- {m}" for m in missing)]))

    def _secrets_provider(self) -> str | None:
        match = re.search(r"^secretsprovider:\s*(\S+)", self.config.read_text(), re.MULTILINE)
        return match[1] if match and match[1] not in ("passphrase", "default") else None

    def _init_local(self) -> None:
        """Make the stack in a folder with nothing but the project's name.

        ``pulumi stack init`` writes the salt of this clone's passphrase, which must not get into the tracked configuration.
        """
        scratch = self._scratch()
        scratch.mkdir(exist_ok=True)
        (scratch / "Pulumi.yaml").write_text((ROOT / "Pulumi.yaml").read_text())
        self._pulumi("stack", "init", "--no-select", "--secrets-provider", "passphrase", folder=scratch)

    def _write_salted_config(self) -> None:
        """Write the tracked configuration with this clone's salt, and with the secrets of the platform's file.

        A salt that a plain command left in the tracked configuration is dropped.
        """
        kept = (self._scratch() / self.config.name).read_text()
        salt = re.search(r"^encryptionsalt:.*$", kept, re.MULTILINE)
        if salt is None:
            raise StackError(f"{self._scratch() / self.config.name} has lost its salt; `make wipe` starts over")
        tracked = re.sub(r"^encryptionsalt:.*\n?", "", self.config.read_text(), flags=re.MULTILINE)
        overlay = self._image_loader.overlay if self._image_loader is not None else self._log_backend_overlay()
        if overlay:
            from tools.image_loader import with_overlay

            tracked = with_overlay(tracked, overlay)
        plain = f"{tracked.rstrip()}\n{salt[0]}\n"
        secrets_env = self._read_secrets_env()
        if secrets_env is None:
            write_private(self._salted_config(), plain.encode())
            return
        # The passphrase is part of the digest, so nobody can guess secrets from it.
        made_from = f"{PASSPHRASE.read_text()}{plain}{sorted(secrets_env.secrets.items())}"
        stamp = f"# made from {hashlib.sha256(made_from.encode()).hexdigest()}\n"
        if self._salted_config().exists() and self._salted_config().read_text().startswith(stamp):
            return
        write_private(self._salted_config(), plain.encode())
        for key, value in secrets_env.secrets.items():
            self._set_secret(f"atlas:{key}", value)
        write_private(self._salted_config(), (stamp + self._salted_config().read_text()).encode())

    def _read_secrets_env(self) -> SecretsEnv | None:
        """The secrets of the platform's own file of variables, or None when there is no such file."""
        chosen = os.environ.get("SECRETS_ENV")
        file = Path(chosen) if chosen else ROOT / "conf/secrets.env"
        if not file.exists():
            if chosen:
                raise StackError(f"SECRETS_ENV names {file}, which does not exist")
            return None
        try:
            found = read(file)
        except SecretsEnvError as error:
            raise StackError(str(error)) from error
        print(f"{file}: {len(found.secrets)} secrets are taken ({', '.join(found.secrets) or 'none'})")
        if found.unused:
            print(f"{file}: settings belong into {self.config.name}, so these are not used: {', '.join(found.unused)}")
        return found

    def _set_secret(self, key: str, value: str) -> None:
        arguments = ("config", "set", "--secret", key, "--stack", self.name, *self._config_file())
        done = self._capture(*arguments, stdin=value)  # by stdin, since other users can read a process's arguments
        if done.returncode != 0:
            raise StackError(f"`{shlex.join(('pulumi', *arguments))}` failed:\n{done.stderr.strip()}")

    def _scratch(self) -> Path:
        return PRIVATE / "project"

    def _salted_config(self) -> Path:
        return PRIVATE / self.config.name

    def _config_file(self) -> list[str]:
        return ["--config-file", str(self._salted_config())] if self.local else []

    def _deployed(self) -> bool:
        """Whether the state has any resource."""
        if not self._exists():
            return False
        answer = self._capture("stack", "export", "--stack", self.name)
        return answer.returncode != 0 or '"urn"' in answer.stdout

    def _exists(self) -> bool:
        if self.local and not (PASSPHRASE.exists() and (self._scratch() / self.config.name).exists()):
            return False
        answer = self._capture("stack", "ls", "--all")
        if answer.returncode != 0:
            raise StackError(answer.stderr.strip())
        return any(re.match(rf"(\S+/)?{re.escape(self.name)}\*?\s", line) for line in answer.stdout.splitlines())

    def _capture(self, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        command = ["pulumi", *arguments, "--non-interactive", "--color=never"]
        return subprocess.run(
            command,
            cwd=ROOT,
            env=self.environment,
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )

    def _pulumi(self, *arguments: str, folder: Path = ROOT) -> None:
        command = ["pulumi", *arguments, "--stack", self.name]
        if arguments[:2] == ("stack", "init"):
            command = ["pulumi", *arguments[:2], self.name, *arguments[2:]]
        if subprocess.run(command, cwd=folder, env=self.environment, check=False).returncode != 0:
            raise StackError(f"`{shlex.join(command)}` failed")

    def _start_cluster(self, *, node: bool = False) -> None:
        self._cluster().up("atlas-local", node=node)

    @staticmethod
    def _cluster() -> Cluster:
        return Cluster(PRIVATE / "cluster")


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="stack.py", description="Deploy and inspect one stack.")
    parser.add_argument("command", choices=("up", "preview", "down", "status", "open", "wipe", "env"))
    parser.add_argument("stack")
    parser.add_argument("extra", nargs=argparse.REMAINDER, help="further flags for pulumi")
    options = parser.parse_args(arguments)
    try:
        stack = Stack(options.stack)
        match options.command:
            case "up":
                stack.up(options.extra)
            case "preview":
                stack.preview(options.extra)
            case "down":
                stack.down(options.extra)
            case "wipe":
                stack.wipe()
            case "status":
                return 0 if stack.status() else 1
            case "open":
                return 0 if stack.open() else 1
            case _:
                print(
                    "\n".join(f"export {name}={shlex.quote(value)}" for name, value in stack.extra_environment.items())
                )
    except (StackError, ClusterError) as error:
        print(f"{options.command}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"{options.command}: interrupted; the same command continues from here", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    os.umask(0o077)
    sys.exit(main(sys.argv[1:]))
