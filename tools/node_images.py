"""Images for the embedded cluster without a registry: of our own builds, of Debian's packages, and of the platform's services.

What is made is named by what it is made from, so the second time takes no time; the stack's settings name it (`stack.py`).
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
    "loki": "loki",
    "jaeger": "jaeger",
    "kube-state-metrics": "kube-state-metrics",
    "blackbox-exporter": "blackbox-exporter",
    "postgres-exporter": "postgres-exporter",
}
"""The images of single programs, by their names in images/upstream.yaml, and the programs that set-up builds."""
NEEDS_REGISTRY = ("grafana",)
"""What can be had neither from Debian nor as a Go module."""
POSTGRES = 70
"""The user of PostgreSQL in the upstream image, which the program takes over."""


def all_images(binaries: Path) -> list[oci.Image]:
    """Every image that is made here."""
    return [*program_images(binaries), *debian_images()]


def program_images(binaries: Path) -> Iterator[oci.Image]:
    """The images of what set-up has built."""
    for name, program in BINARIES.items():
        yield oci.from_binary(name, binaries / program)


def debian_images() -> Iterator[oci.Image]:
    """Data services and an exporter, which start as the upstream images do."""
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
