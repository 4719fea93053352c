"""Loki's own configuration, run by the real Loki as one process with a folder."""

import json
import os
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

from collector_process import loopback, tool, wait_until

CONFIG = Path(__file__).parents[2] / "config/loki/loki.yaml"


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


class Loki:
    """One Loki with ``text`` as its configuration, its data in ``folder``, at the ports that ship."""

    def __init__(self, folder: Path, text: str) -> None:
        folder.mkdir(parents=True)
        self.address = loopback()
        self.url = f"http://{self.address}:3100"
        self.log = folder / "log"
        config = folder / "loki.yaml"
        config.write_text(text.replace("/var/lib/loki", str(folder / "data")))
        self._command = [tool("loki"), f"-config.file={config}", "-config.expand-env=true"]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def ended(self) -> int | None:
        """The exit code; ``None`` while it runs."""
        assert self._process
        return self._process.poll()

    def start(self) -> None:
        told = {"PATH": os.environ["PATH"], **environment(self.address)}
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(self._command, env=told, stdout=log, stderr=log)
        wait_until(self._answers, 30, f"Loki; its log is {self.log}")

    def stop(self) -> None:
        if self._process:
            self._process.kill()
            self._process.wait()

    def own_metrics(self) -> str:
        with urllib.request.urlopen(f"{self.url}/metrics", timeout=10) as answer:
            return answer.read().decode()

    def number(self, query: str) -> int:
        """What a query that counts gives now; zero where there is nothing."""
        asked: dict[str, Any] = {"query": query, "time": time.time()}
        url = f"{self.url}/loki/api/v1/query?{urllib.parse.urlencode(asked)}"
        with urllib.request.urlopen(url, timeout=30) as answer:
            return sum(int(float(series["value"][1])) for series in json.load(answer)["data"]["result"])

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/loki/api/v1/status/buildinfo", timeout=2) as answer:
                return answer.status == 200
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False
