"""The ``docker`` command, as the stand-in for docker-build uses it on one engine."""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from offline.provider import Refused

OWN_ENGINE = Path(__file__).resolve().parents[1] / ".local/docker/docker.sock"
LAST_LINES = 30
MIN_HIDDEN = 6
"""The fewest characters of a line of a secret that is looked for in a build's output."""

_running: set[subprocess.Popen[str]] = set()


def end_all() -> None:
    """End running commands, since the user has interrupted the engine. A build that is ended leaves no image."""
    for process in tuple(_running):
        process.terminate()


class Docker:
    """One engine: that of ``host``, else of DOCKER_HOST, else this clone's own.

    The machine's own is used only if one of these names it.
    """

    def __init__(self, host: str | None = None) -> None:
        self.host = host or os.environ.get("DOCKER_HOST") or f"unix://{OWN_ENGINE}"

    def build(
        self, folder: str, dockerfile: str, options: Sequence[str], secrets: Mapping[str, str], platform: str | None
    ) -> str:
        """Build an image with BuildKit and return its id, ``sha256:…``.

        Raises:
            Refused: there is no engine, or the build failed; holds the last lines of its output without secrets.
        """
        with tempfile.TemporaryDirectory() as private:
            chosen = [*options, *([f"--platform={platform}"] if platform else [])]
            for name, content in secrets.items():
                path = Path(private, name)
                path.touch(mode=0o600)
                path.write_text(content)
                chosen.append(f"--secret=id={name},src={path}")
            if not self._has_bridge():
                chosen.append("--network=host")
            written = Path(private, ".image-id")
            command = ["build", "--progress=plain", f"--iidfile={written}", f"--file={dockerfile}", *chosen, folder]
            answer = self._run(*command)
            if answer.returncode != 0:
                raise Refused(f"the image was not built:\n{_last(answer.stdout + answer.stderr, secrets)}")
            return written.read_text().strip()

    def identity(self, reference: str) -> str | None:
        """The id of an image, or None when the engine does not have it."""
        answer = self._run("image", "inspect", reference)
        if answer.returncode == 0:
            return json.loads(answer.stdout)[0]["Id"]
        if "No such image" in answer.stderr:
            return None
        raise Refused(f"the engine at {self.host} cannot be asked for {reference}: {_last(answer.stderr, {})}")

    def remove(self, reference: str) -> None:
        """Remove an image. It is no error when it is gone already."""
        answer = self._run("image", "rm", reference)
        if answer.returncode != 0 and "No such image" not in answer.stderr:
            raise Refused(f"{reference} was not removed: {_last(answer.stderr, {})}")

    def _has_bridge(self) -> bool:
        """Whether the engine has a bridge network. Without one, only the host's network reaches registries."""
        return self._run("network", "inspect", "bridge").returncode == 0

    def _run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        # Debian's own first: it builds without the buildx plugin, which newer clients need.
        program = next(
            (path for path in ("/usr/bin/docker", shutil.which("docker")) if path and Path(path).exists()), None
        )
        if program is None:
            raise Refused("there is no `docker` command: install Debian's package (`apt-get install docker.io`)")
        with tempfile.TemporaryDirectory() as home:
            environment = {
                "PATH": os.environ.get("PATH", os.defpath),
                "HOME": home,
                "DOCKER_HOST": self.host,
                "DOCKER_BUILDKIT": "1",
            }
            process = subprocess.Popen(
                [program, *arguments],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
                start_new_session=True,  # Ctrl-C in a terminal is for the engine, which then ends us
            )
            _running.add(process)
            try:
                answer = subprocess.CompletedProcess(process.args, 0, *process.communicate())
            finally:
                _running.discard(process)
            answer.returncode = process.returncode
        if "Cannot connect to the Docker daemon" in answer.stderr:
            raise Refused(
                f"no Docker engine answers at {self.host}: start this clone's own (`python3 tools/docker.py up`), "
                "or set DOCKER_HOST to a running one"
            )
        return answer


def _last(output: str, secrets: Mapping[str, str]) -> str:
    """The end of a command's output, without any line of a secret."""
    text = "\n".join(output.strip().splitlines()[-LAST_LINES:])
    for content in secrets.values():
        for line in content.splitlines():
            for word in {line, line.partition("=")[2].strip()}:
                if len(word) >= MIN_HIDDEN:
                    text = text.replace(word, "[secret]")
    return text
