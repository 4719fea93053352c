"""Jaeger's own configuration, run by the real Jaeger with a folder, at an address of its own."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from tests.support.addresses import loopback
from tests.support.tool_process import ToolProcess, tool

CONFIG = Path(__file__).parents[2] / "config/jaeger/jaeger.yaml"


class Jaeger(ToolProcess):
    """It takes OTLP at ``address`` and answers at ``url``; ``variant`` changes its configuration before it runs."""

    def __init__(self, folder: Path, variant: Callable[[dict[str, Any]], None] | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.address = loopback()
        self.url = f"http://{self.address}:16686"
        # A pod has its own 127.0.0.1; here several would meet there.
        text = CONFIG.read_text().replace("127.0.0.1:", f"{self.address}:")
        config = yaml.safe_load(text.replace("/var/lib/jaeger", str(folder / "data")))
        if variant:
            variant(config)
        file = folder / "jaeger.yaml"
        file.write_text(yaml.safe_dump(config))
        told = {"MY_POD_IP": self.address, "JAEGER_RETENTION": "72h", "OTEL_TRACES_SAMPLER": "always_off"}
        super().__init__(
            [tool("jaeger"), f"--config={file}"], f"http://{self.address}:13133/status", folder / "log", told
        )
