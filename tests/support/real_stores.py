"""The real stores of all three signals behind a gateway: VictoriaLogs, Jaeger and Prometheus with the configuration that ships."""

from pathlib import Path
from typing import Any

from tests.support.addresses import loopback
from tests.support.jaeger_process import Jaeger
from tests.support.prometheus_process import Prometheus, cluster
from tests.support.victorialogs_process import VictoriaLogs

CONFIG = Path(__file__).parents[2] / "config/prometheus/prometheus.yaml"


class RealStores:
    """Made and not yet started. Their gateway is told of ``endpoints``, and Prometheus of what it scrapes, such as the gateway."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._scraper = folder, loopback()
        self.logs, self.jaeger = VictoriaLogs(folder / "victorialogs"), Jaeger(folder / "jaeger")
        self.endpoints = {
            "logs": self.logs.otlp_url,
            "traces": f"http://{self.jaeger.address}:4318",
            "metrics": f"http://{self._scraper}:9090/api/v1/otlp",
        }

    def prometheus(self, *scraped: Any) -> Prometheus:
        files = {CONFIG.name: CONFIG.read_text()}
        return Prometheus(self._folder / "prometheus", self._scraper, files, cluster(*scraped))
