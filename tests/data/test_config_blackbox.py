"""The blackbox exporter's configuration.

Debian's exporter takes it and probes for real. It is older than the pinned image, so a table from the documentation judges the
schema as well.
"""

import re
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.addresses import loopback
from tests.support.http_json import read
from tests.support.machine import require_program
from tests.support.waiting import wait_until

ROOT = Path(__file__).parents[2]
FILE = ROOT / "config/blackbox/blackbox.yaml"
CONFIG: dict[str, Any] = yaml.safe_load(FILE.read_text())
MODULE = {"prober": str, "timeout": str, "http": dict}
HTTP = {
    "body_size_limit": str,
    "compression": str,
    "fail_if_not_ssl": bool,
    "fail_if_ssl": bool,
    "follow_redirects": bool,
    "headers": dict,
    "ip_protocol_fallback": bool,
    "method": str,
    "no_follow_redirects": bool,
    "preferred_ip_protocol": str,
    "tls_config": dict,
    "valid_http_versions": list,
    "valid_status_codes": list,
}


def exporter_program() -> str:
    return require_program("prometheus-blackbox-exporter", "prometheus-blackbox-exporter")


def problems(config: dict[str, Any]) -> list[str]:
    """Unknown settings and values of another type; the exporter refuses either."""
    found = [f"{key}: unknown" for key in config if key != "modules"]
    for name, module in config["modules"].items():
        for path, told, known in ((name, module, MODULE), (f"{name}.http", module.get("http") or {}, HTTP)):
            for key, value in told.items():
                if key not in known:
                    found.append(f"{path}.{key}: unknown")
                elif not isinstance(value, known[key]):
                    found.append(f"{path}.{key}: not {known[key].__name__}")
        if module.get("prober") != "http":
            found.append(f"{name}.prober: not one that is used here")
    return found


def test_the_configuration_has_no_problem() -> None:
    assert problems(CONFIG) == []


@pytest.mark.parametrize(
    ("right", "wrong", "expected"),
    [
        ("follow_redirects: false", "follow_redirect: false", "healthy.http.follow_redirect: unknown"),
        ("method: GET", "method: [GET]", "healthy.http.method: not str"),
        ("prober: http", "prober: https", "healthy.prober"),
        ("timeout: 5s", "timeout: 5", "healthy.timeout: not str"),
    ],
)
def test_a_broken_configuration_is_seen(right: str, wrong: str, expected: str) -> None:
    assert right in FILE.read_text()
    assert any(
        problem.startswith(expected) for problem in problems(yaml.safe_load(FILE.read_text().replace(right, wrong)))
    )


def test_there_are_just_the_modules_that_are_asked_for() -> None:
    prometheus = yaml.safe_load((ROOT / "config/prometheus/prometheus.yaml").read_text())
    asked = {module for job in prometheus["scrape_configs"] for module in job.get("params", {}).get("module", [])}
    asked |= set(re.findall(r'"module": "(\w+)"', (ROOT / "components/operator_resources.py").read_text()))
    assert set(CONFIG["modules"]) == asked


def test_a_probe_ends_before_prometheus_gives_up() -> None:
    timeout = yaml.safe_load((ROOT / "config/prometheus/prometheus.yaml").read_text())["global"]["scrape_timeout"]
    for module in CONFIG["modules"].values():
        assert int(module["timeout"].removesuffix("s")) <= int(timeout.removesuffix("s")) / 2


ANSWERS = {"/well": (200, 1.0), "/login": (307, 1.0), "/ill": (503, 0.0), "/absent": (404, 0.0)}


def test_the_exporter_takes_the_configuration_and_probes_by_it() -> None:
    check = subprocess.run(
        [exporter_program(), f"--config.file={FILE}", "--config.check"], capture_output=True, check=False
    )
    assert check.returncode == 0, check.stderr
    asked: list[tuple[str, str | None]] = []

    class Service(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append((self.path, self.headers["User-Agent"]))
            self.send_response(ANSWERS[self.path][0])
            self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Nothing."""

    service = ThreadingHTTPServer(("127.0.0.1", 0), Service)
    threading.Thread(target=service.serve_forever, daemon=True).start()
    address = f"{loopback()}:9115"
    exporter = subprocess.Popen(
        [exporter_program(), f"--config.file={FILE}", f"--web.listen-address={address}"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )

    def probed(path: str) -> float | None:
        target = f"http://127.0.0.1:{service.server_port}{path}"
        told = read(f"http://{address}/probe", module="healthy", target=target)
        found = re.search(r"^probe_success (\S+)$", told, re.MULTILINE)
        return float(found[1]) if found else None

    try:
        wait_until(lambda: probed("/well") is not None, 10, "the exporter")
        asked.clear()
        assert {path: probed(path) for path in ANSWERS} == {path: success for path, (_, success) in ANSWERS.items()}
        assert asked == [(path, "atlas-probe") for path in ANSWERS]
    finally:
        exporter.terminate()
        exporter.wait(timeout=10)
        service.shutdown()
