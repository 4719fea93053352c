"""Loki's own configuration, run by the real Loki as one process with a folder.

Loki is under the AGPL and is not built here. Tests of it run where its program is on PATH, as in the checks workflow.
"""

import shutil
import signal
import time
from pathlib import Path

import pytest

from tests.support.addresses import loopback
from tests.support.http_json import ask, read
from tests.support.tool_process import ToolProcess, tool

CONFIG = Path(__file__).parents[2] / "config/loki/loki.yaml"

needs_loki = pytest.mark.skipif(
    shutil.which("loki") is None,
    reason="no loki on PATH: it is not built here; the checks workflow takes it from its pinned image",
)


def environment(address: str) -> dict[str, str]:
    """What the program sets where Loki is one process."""
    return {
        "MY_POD_IP": address,
        "LOKI_RETENTION": "168h",
        "LOKI_WAL_REPLAY_CEILING": str(1 << 28),
        "LOKI_STORE": "filesystem",
        "LOKI_S3_ENDPOINT": "",
        "LOKI_S3_BUCKET": "",
        "LOKI_S3_REGION": "",
        "LOKI_RING": "inmemory",
        "LOKI_MEMBERS": f"{address}:7946",
        "LOKI_REPLICATION": "1",
    }


def replicated(address: str) -> dict[str, str]:
    """What it sets where replicas share an object store."""
    return environment(address) | {
        "LOKI_STORE": "s3",
        "LOKI_S3_ENDPOINT": "s3.example.com",
        "LOKI_S3_BUCKET": "logs",
        "LOKI_S3_REGION": "eu-central-1",
        "LOKI_RING": "memberlist",
        "LOKI_REPLICATION": "3",
    }


class Loki(ToolProcess):
    """One Loki with ``text`` as its configuration, its data in ``folder``, at the ports that ship."""

    ends_by = signal.SIGKILL

    def __init__(self, folder: Path, text: str) -> None:
        folder.mkdir(parents=True)
        address = loopback()
        self.url = f"http://{address}:3100"
        config = folder / "loki.yaml"
        config.write_text(text.replace("/var/lib/loki", str(folder / "data")))
        # A query waits until the frontend has looked for a scheduler; it looks again after ten seconds unless told otherwise.
        soon = "-frontend.scheduler-dns-lookup-period=500ms"
        command = [tool("loki"), f"-config.file={config}", "-config.expand-env=true", soon]
        super().__init__(command, f"{self.url}/loki/api/v1/status/buildinfo", folder / "log", environment(address))

    def own_metrics(self) -> str:
        return read(f"{self.url}/metrics")

    def number(self, query: str) -> int:
        """What a query that counts gives now; zero where there is nothing."""
        found = ask(f"{self.url}/loki/api/v1/query", timeout=30, query=query, time=time.time())["data"]["result"]
        return sum(int(float(series["value"][1])) for series in found)
