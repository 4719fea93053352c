"""Images for the embedded cluster where no registry has them, made from our own builds and from Debian's packages.

An image's tag is a hash of what it is made from, so nothing is made twice. ``stack.py`` writes the references into the stack's
settings.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

from tools import oci
from tools.paths import TOOLS

FILES = TOOLS / "node/images"
BINARIES: Mapping[str, str] = {
    "otel-collector": "otelcol-atlas",
    "prometheus": "prometheus",
    "alertmanager": "alertmanager",
    "victorialogs": "victoria-logs",
    "jaeger": "jaeger",
    "kube-state-metrics": "kube-state-metrics",
    "blackbox-exporter": "blackbox-exporter",
    "postgres-exporter": "postgres-exporter",
}
"""Images of a single program: their names in images/upstream.yaml, with the program that set-up builds."""
POSTGRES = 70
"""The numeric user of PostgreSQL in the upstream image, which the stack uses as well."""


def all_images(binaries: Path) -> list[oci.Image]:
    """All images of this module."""
    return [*program_images(binaries), *debian_images()]


def program_images(binaries: Path) -> Iterator[oci.Image]:
    """The images of programs that set-up has built."""
    for name, program in BINARIES.items():
        yield oci.from_binary(name, binaries / program)


def debian_images() -> Iterator[oci.Image]:
    """The images of data services and an exporter. They start as the upstream images do."""
    start = "usr/local/bin/start-postgresql"
    yield oci.Image(
        name="db",
        entrypoint=(f"/{start}",),
        packages=("postgresql-15", "dash", "libc-bin"),
        texts={
            **oci.ACCOUNTS,
            "etc/passwd": f"{oci.ACCOUNTS['etc/passwd']}postgres:x:{POSTGRES}:{POSTGRES}::/tmp:/sbin/nologin\n",
            start: (FILES / "start-postgresql.sh").read_text(),
        },
        programs=(start,),
    )
    yield oci.Image(name="cache", packages=("redis-server",), texts=oci.ACCOUNTS)
    yield oci.Image(
        name="rabbitmq",
        entrypoint=("/usr/lib/rabbitmq/bin/rabbitmq-server",),
        packages=("rabbitmq-server", "dash", "coreutils", "sed", "grep", "mawk", "hostname", "libc-bin"),
        environment=("RABBITMQ_LOGS=-", "RABBITMQ_LOG_BASE=/tmp"),
        texts=oci.ACCOUNTS,
    )
    yield oci.Image(
        name="redis-exporter",
        entrypoint=("/usr/bin/prometheus-redis-exporter",),
        packages=("prometheus-redis-exporter",),
        texts=oci.ACCOUNTS,
    )
