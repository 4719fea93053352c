"""The real VictoriaLogs with the flags that the program renders, with a folder, at an address of its own."""

import json
import signal
import urllib.request
from pathlib import Path
from typing import Any

from components.victorialogs import DATA, flags
from settings.model import VictoriaLogs as VictoriaLogsSettings
from tests.support.addresses import loopback
from tests.support.http_json import read, request
from tests.support.tool_process import ToolProcess, tool


class VictoriaLogs(ToolProcess):
    """It takes OTLP below ``otlp_url`` and answers at ``url``, which are the backend's two addresses; its data are in ``folder``.

    ``more`` are flags of the program that take the place of those that are rendered.
    """

    ends_by = signal.SIGKILL

    def __init__(
        self, folder: Path, *more: str, settings: VictoriaLogsSettings | None = None, rendered: list[str] | None = None
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        address = loopback()
        self.url = f"http://{address}:9428"
        self.otlp_url = f"{self.url}/insert/opentelemetry"
        own = {_name(flag): flag for flag in rendered or flags(settings or VictoriaLogsSettings())}
        own |= {
            _name(flag): flag
            for flag in (f"-httpListenAddr={address}:9428", own["-storageDataPath"].replace(DATA, str(folder / "data")))
        }
        own |= {_name(flag): flag for flag in more}
        super().__init__([tool("victoria-logs"), *own.values()], f"{self.url}/health", folder / "log", {})

    def own_metrics(self) -> str:
        return read(f"{self.url}/metrics")

    def query(self, logsql: str, **arguments: Any) -> list[dict[str, Any]]:
        """The records, or the rows of a ``stats`` pipe, each as its fields: all of them are text."""
        text = read(f"{self.url}/select/logsql/query", timeout=30, query=logsql, **arguments)
        return [json.loads(line) for line in text.splitlines()]

    def number(self, logsql: str) -> int:
        """How many records it finds now."""
        (row,) = self.query(f"{logsql} | stats count() as found")
        return int(row["found"])

    def flush(self) -> None:
        """Make what came until now visible to queries."""
        assert request(f"{self.url}/internal/force_flush").status == 200

    def insert(self, body: bytes, **headers: str) -> int:
        """Post one OTLP request as protobuf, past the gateway; the status of the answer."""
        named = {
            "Content-Type": "application/x-protobuf",
            **{key.replace("_", "-"): text for key, text in headers.items()},
        }
        asked = urllib.request.Request(f"{self.otlp_url}/v1/logs", body, named)
        with urllib.request.urlopen(asked, timeout=30) as answer:
            return int(answer.status)


def _name(flag: str) -> str:
    return flag.partition("=")[0]
