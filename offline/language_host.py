"""The Python language host: runs the program of a Pulumi project for the engine.

It starts the SDK's own ``pulumi-language-python-exec`` from ``PATH`` through ``program.py``, with the interpreter of the
environment that ``Pulumi.yaml`` names (``runtime.options.virtualenv``; ``.venv`` when the toolchain is uv). The program's output
goes to this process's stdout and stderr, which the engine shows.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from importlib.metadata import distributions, version
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.json_format import MessageToDict

from offline.protocol import empty_pb2, language_pb2, language_pb2_grpc, plugin_pb2
from offline.serving import serve

EXECUTOR = "pulumi-language-python-exec"
ALREADY_EXPLAINED = 32
"""The executor's exit code when it has already shown the error to the user."""

_PROGRAM = str(Path(__file__).resolve().with_name("program.py"))

_IGNORING_SIGINT = ["/bin/sh", "-c", "trap '' INT; exec \"$@\"", "sh"]
"""Starts a command that ignores SIGINT. The engine sends SIGINT to this process and to all that it started. The program would print
a traceback, so only this process handles it, and ends the program.
"""


class Failure(Exception):
    """An error that the user can fix; the message says how."""


def _options(info: language_pb2.ProgramInfo) -> dict[str, Any]:
    return MessageToDict(info.options)


def _environment(info: language_pb2.ProgramInfo) -> Path:
    """The virtual environment that the project names."""
    options = _options(info)
    named = options.get("virtualenv") or (".venv" if options.get("toolchain") == "uv" else None)
    if named is None:
        raise Failure("Pulumi.yaml names no environment; add 'virtualenv: .venv' under runtime.options")
    folder = Path(info.root_directory, named)
    if not (folder / "bin" / "python").exists():
        raise Failure(f"there is no Python environment at {folder}; run 'uv sync' in {info.root_directory}")
    return folder


def _executor() -> str:
    found = shutil.which(EXECUTOR)
    if found is None:
        raise Failure(f"{EXECUTOR} is not on PATH; it is part of the Pulumi engine, run the set-up again")
    return found


def _site_packages(environment: Path) -> list[str]:
    return [str(folder) for folder in sorted(environment.glob("lib/python*/site-packages"))]


class LanguageHost(language_pb2_grpc.LanguageRuntimeServicer):
    """The language host of one project: answers the engine's calls and runs the program."""

    def __init__(self, engine_address: str) -> None:
        self._engine_address = engine_address
        self._running: set[subprocess.Popen[bytes]] = set()

    def Run(self, request: language_pb2.RunRequest, context: grpc.ServicerContext) -> language_pb2.RunResponse:
        """Run the program to its end. Its failure is a result, not a failed call."""
        try:
            environment = _environment(request.info)
            command = [
                *_IGNORING_SIGINT,
                str(environment / "bin" / "python"),
                _PROGRAM,
                _executor(),
                *self._arguments(request),
            ]
        except Failure as failure:
            return language_pb2.RunResponse(error=str(failure))
        variables = {
            **os.environ,
            "VIRTUAL_ENV": str(environment),
            "PATH": f"{environment / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}",
            "PYTHONUNBUFFERED": "1",
            "PULUMI_CONFIG": json.dumps(dict(request.config)),
            "PULUMI_CONFIG_SECRET_KEYS": json.dumps(list(request.configSecretKeys)),
        }
        program = subprocess.Popen(command, env=variables, stdin=subprocess.DEVNULL)
        self._running.add(program)
        context.add_callback(lambda: self._end(program))
        code = program.wait()
        self._running.discard(program)
        if code == ALREADY_EXPLAINED:
            return language_pb2.RunResponse(bail=True)
        if code < 0:
            return language_pb2.RunResponse(error=f"program was ended by {signal.Signals(-code).name}")
        return language_pb2.RunResponse(error=f"program exited with non-zero exit code: {code}" if code else "")

    def _arguments(self, request: language_pb2.RunRequest) -> list[str]:
        flags = {
            "monitor": request.monitor_address,
            "engine": self._engine_address,
            "project": request.project,
            "root_directory": request.info.root_directory,
            "stack": request.stack,
            "pwd": request.pwd,
            "dry_run": "true" if request.dryRun else "false",
            "parallel": str(request.parallel),
            "organization": request.organization,
        }
        present = [part for name, value in flags.items() if value for part in (f"--{name}", value)]
        return [*present, request.info.entry_point or ".", *request.args]

    def _end(self, program: subprocess.Popen[bytes]) -> None:
        """Send SIGTERM to the program, and SIGKILL after five seconds."""
        if program.poll() is None:
            program.terminate()
            timer = threading.Timer(5, program.kill)
            timer.daemon = True
            timer.start()

    def cancel(self) -> None:
        """End all running programs."""
        for program in list(self._running):
            self._end(program)

    def Cancel(self, request: empty_pb2.Empty, context: grpc.ServicerContext) -> empty_pb2.Empty:
        """The engine's call to end all running programs."""
        self.cancel()
        return empty_pb2.Empty()

    def GetRequiredPackages(
        self, request: language_pb2.GetRequiredPackagesRequest, context: grpc.ServicerContext
    ) -> language_pb2.GetRequiredPackagesResponse:
        """The resource plugins of the Pulumi packages installed in the project's environment."""
        try:
            environment = _environment(request.info)
        except Failure as failure:
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, str(failure))
        packages: list[plugin_pb2.PackageDependency] = []
        for folder in _site_packages(environment):
            for file in sorted(Path(folder).glob("*/pulumi-plugin.json")):
                about = json.loads(file.read_text())
                if about.get("resource") and about.get("version"):
                    packages.append(
                        plugin_pb2.PackageDependency(
                            name=about["name"],
                            kind="resource",
                            version="v" + about["version"].removeprefix("v"),
                            server=about.get("server", ""),
                        )
                    )
        return language_pb2.GetRequiredPackagesResponse(packages=packages)

    def GetProgramDependencies(
        self, request: language_pb2.GetProgramDependenciesRequest, context: grpc.ServicerContext
    ) -> language_pb2.GetProgramDependenciesResponse:
        """The packages in the project's environment, with their versions."""
        try:
            folders = _site_packages(_environment(request.info))
        except Failure as failure:
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, str(failure))
        found = {found.name: found.version for found in distributions(path=folders)}
        return language_pb2.GetProgramDependenciesResponse(
            dependencies=[language_pb2.DependencyInfo(name=name, version=found[name]) for name in sorted(found)]
        )

    def InstallDependencies(
        self, request: language_pb2.InstallDependenciesRequest, context: grpc.ServicerContext
    ) -> Iterator[language_pb2.InstallDependenciesResponse]:
        """``uv sync`` in the project, its output streamed."""
        if _options(request.info).get("toolchain") != "uv":
            context.abort(grpc.StatusCode.UNIMPLEMENTED, "the stand-in language host installs with uv only")
        if shutil.which("uv") is None:
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, "uv is not on PATH; install it or run the set-up")
        with subprocess.Popen(
            ["uv", "sync"], cwd=request.info.root_directory, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        ) as command:
            for line in command.stdout or ():
                yield language_pb2.InstallDependenciesResponse(stdout=line)
        if command.returncode != 0:
            context.abort(grpc.StatusCode.UNKNOWN, f"'uv sync' failed with exit code {command.returncode}")

    def About(self, request: language_pb2.AboutRequest, context: grpc.ServicerContext) -> language_pb2.AboutResponse:
        """The interpreter of this process."""
        return language_pb2.AboutResponse(
            executable=sys.executable, version=".".join(str(part) for part in sys.version_info[:3])
        )

    def GetPluginInfo(self, request: empty_pb2.Empty, context: grpc.ServicerContext) -> plugin_pb2.PluginInfo:
        """The version of the protocol, which is that of the SDK."""
        return plugin_pb2.PluginInfo(version=version("pulumi"))

    def RuntimeOptionsPrompts(
        self, request: language_pb2.RuntimeOptionsRequest, context: grpc.ServicerContext
    ) -> language_pb2.RuntimeOptionsResponse:
        """No prompts: the project file has all options."""
        return language_pb2.RuntimeOptionsResponse()


def main(engine_address: str) -> None:
    """Serve until the engine ends this process."""
    host = LanguageHost(engine_address)
    serve(lambda server: language_pb2_grpc.add_LanguageRuntimeServicer_to_server(host, server), host.cancel)
