"""The final stage of a service's Dockerfile, written from its entry. ``images/<language>/Dockerfile`` has the stages before.

Ports, paths and names are those of ``ServiceSpec``, so that a new service edits no Dockerfile. The paths of interpreters, of the
programs for health checks and of the instrumentation are those of the shared stages.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from components.platform_services import INSTRUMENTATION_PORT, ServiceSpec
from image_build.recipes import Framework, Language

NODE, PYTHON = "/nodejs/bin/node", "/usr/bin/python3"
_NODE_COMMAND = (NODE, "--require", "@atlas/instrumentation/register")
_JOB_RUNNER = (PYTHON, "-m", "atlas_instrumentation.job", "--")
"""Pushes the job's metrics at its end: it is gone before anything scrapes it."""
_HEALTH_PROGRAMS: Mapping[Language, Sequence[str]] = {
    "node": (NODE, "/opt/atlas/health.cjs"),
    "python": (PYTHON, "-I", "-S", "/opt/atlas/health.py"),
}
_ENVIRONMENTS: Mapping[Framework, Mapping[str, str]] = {
    "express": {},
    "next": {"HOSTNAME": "0.0.0.0", "NEXT_TELEMETRY_DISABLED": "1"},  # noqa: S104 - the address that a pod serves at
    "python": {},
}


def dockerfile(service: str, spec: ServiceSpec, images: Path) -> str:
    """The shared stages of the service's language, then its own. ``images`` is the folder of that name."""
    shared = (images / spec.recipe.language / "Dockerfile").read_text()
    return f"{shared}\n{final_stage(service, spec)}"


def final_stage(service: str, spec: ServiceSpec) -> str:
    """The stage that the build of ``service`` has as its target; its name is the service's.

    The entry point is the whole command, so that a Job gives only its arguments. A job has no health check: its exit code is its
    health.
    """
    recipe = spec.recipe
    environment = " ".join(f"{name}={value}" for name, value in sorted(_environment(service, spec).items()))
    lines = [
        f"FROM runtime AS {service}",
        f'LABEL org.opencontainers.image.title="atlas {service}"',
        f"ENV {environment}",
        *([f"COPY --chown=0:0 --from={recipe.framework}-files /app ./"] if recipe.language == "node" else []),
        f"EXPOSE {' '.join(str(port) for port in spec.ports.values())}",
        f"HEALTHCHECK {_health_check(spec)}",
        f"ENTRYPOINT {json.dumps(_command(spec))}",
        f"CMD {json.dumps(recipe.arguments)}",
    ]
    return "".join(f"{line}\n" for line in lines)


def _environment(service: str, spec: ServiceSpec) -> dict[str, str]:
    environment = {**_ENVIRONMENTS[spec.recipe.framework], "OTEL_SERVICE_NAME": service}
    if spec.port is not None:
        environment[spec.port_variable] = str(spec.port)
    if spec.metrics_port != INSTRUMENTATION_PORT:
        environment["METRICS_PORT"] = str(spec.metrics_port)
    return environment


def _health_check(spec: ServiceSpec) -> str:
    if spec.job:
        return "NONE"
    url = f"http://127.0.0.1:{spec.port or spec.metrics_port}{spec.health_path}"
    command = json.dumps([*_HEALTH_PROGRAMS[spec.recipe.language], url])
    return f"--interval=30s --timeout=5s --start-period=20s CMD {command}"


def _command(spec: ServiceSpec) -> list[str]:
    match spec.recipe.framework:
        case "express":
            return [*_NODE_COMMAND, "dist/index.js"]
        case "next":
            return [*_NODE_COMMAND, "server.js"]
        case "python":
            module = spec.recipe.entry.removesuffix(".py").replace("/", ".")
            return [*(_JOB_RUNNER if spec.job else ()), PYTHON, "-m", module]
