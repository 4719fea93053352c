"""Every tool accepts the very configuration file that ships, by its own check."""

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support import loki_process
from tests.support.loki_process import needs_loki
from tests.support.tool_process import tool

CONFIG = Path(__file__).parents[2] / "config"
ENVIRONMENT = {
    "MY_POD_IP": "127.0.0.1",
    "HOSTNAME": "otel-collector-0",
    "ENVIRONMENT": "local",
    "CLUSTER": "test",
    "LOGS_ENDPOINT": "http://loki:3100/otlp",
    "TRACES_ENDPOINT": "http://jaeger:4318",
    "METRICS_ENDPOINT": "http://prometheus:9090/api/v1/otlp",
    "SAMPLING_PERCENTAGE": "10",
    "LOGS_MAX_AGE": "167h",
    "MASK_PERSONAL_DATA": "false",
    "QUEUE_BYTES": str(64 << 20),
    "QUEUE_FILE_BYTES": str(256 << 20),
    "QUEUE_FSYNC": "true",
    "JAEGER_RETENTION": "72h",
    "TRADING_NAMESPACE": "trading",
    "RESERVED_METRICS": "atlas_last_price|atlas_kill_switch",
    "AGENTS_NAMESPACE": "node-agents",
    "AGENT_METRICS": "system_cpu_time_seconds_total",
    **loki_process.environment("127.0.0.1"),
}
CHECKS = {
    "alertmanager/alertmanager.yaml": ["amtool", "check-config", "{file}"],
    "collector/gateway.yaml": ["otelcol-atlas", "validate", "--config={file}"],
    "jaeger/jaeger.yaml": ["jaeger", "validate", "--config={file}"],
    "loki/loki.yaml": ["loki", "-config.file={file}", "-config.expand-env=true", "-verify-config"],
    "prometheus/prometheus.yaml": ["promtool", "check", "config", "--syntax-only", "{file}"],
}
BREAKS = {
    "alertmanager/alertmanager.yaml": ("url_file", "url_files"),
    "collector/gateway.yaml": ("max_recv_msg_size_mib", "max_recv_msg_size_mb"),
    "jaeger/jaeger.yaml": ("ephemeral", "ephemerall"),
    "loki/loki.yaml": ("delete_request_store: ${LOKI_STORE}", ""),
    "prometheus/prometheus.yaml": ("sample_limit", "samples_limit"),
}


def _check(name: str, file: Path) -> subprocess.CompletedProcess[str]:
    program, *args = CHECKS[name]
    command = [tool(program), *(arg.format(file=file) for arg in args)]
    return subprocess.run(
        command, env={"PATH": os.environ["PATH"]} | ENVIRONMENT, capture_output=True, text=True, timeout=60, check=False
    )


RUN = [pytest.param(name, marks=needs_loki) if CHECKS[name][0] == "loki" else name for name in CHECKS]


@pytest.mark.parametrize("name", RUN)
def test_a_tool_accepts_its_configuration(name: str) -> None:
    done = _check(name, CONFIG / name)
    assert done.returncode == 0, done.stdout + done.stderr


@needs_loki
def test_loki_accepts_its_configuration_for_replicas_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in loki_process.replicated("127.0.0.1").items():
        monkeypatch.setitem(ENVIRONMENT, name, value)
    done = _check("loki/loki.yaml", CONFIG / "loki/loki.yaml")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", RUN)
def test_a_tool_refuses_a_broken_configuration(name: str, tmp_path: Path) -> None:
    right, wrong = BREAKS[name]
    text = (CONFIG / name).read_text()
    assert right in text
    broken = tmp_path / Path(name).name
    broken.write_text(text.replace(right, wrong))
    assert _check(name, broken).returncode != 0


ELSEWHERE = {
    "blackbox/blackbox.yaml": "test_config_blackbox.py",
    "collector/agent.yaml": "test_config_agent.py",
    **{
        path.relative_to(CONFIG).as_posix(): "test_config_overlays.py"
        for path in (CONFIG / "collector").glob("*.yaml")
        if path.name not in ("agent.yaml", "gateway.yaml")
    },
}
"""Checked there, since they need more than a command."""


def test_every_yaml_configuration_is_checked() -> None:
    """Grafana cannot be run here: its files have tests of their own."""
    found = {path.relative_to(CONFIG).as_posix() for path in CONFIG.rglob("*.yaml")}
    assert {name for name in found if not name.startswith("grafana/")} == set(CHECKS) | set(ELSEWHERE)
    assert [test for test in ELSEWHERE.values() if not (Path(__file__).parent / test).is_file()] == []


@pytest.mark.parametrize("name", [name for name in CHECKS if not name.startswith(("alertmanager", "prometheus"))])
def test_every_variable_is_one_that_the_check_sets(name: str) -> None:
    """An unknown name would expand to nothing, silently."""
    used = set(re.findall(r"\$\{(?:env:)?(\w+)\}", (CONFIG / name).read_text()))
    assert used
    assert used <= set(ENVIRONMENT)


def _prometheus() -> dict[str, Any]:
    return yaml.safe_load((CONFIG / "prometheus/prometheus.yaml").read_text())


def test_every_scrape_job_bounds_what_a_target_may_send() -> None:
    limits = {
        "sample_limit",
        "target_limit",
        "label_limit",
        "label_name_length_limit",
        "label_value_length_limit",
        "body_size_limit",
    }
    for job in _prometheus()["scrape_configs"]:
        assert {limit for limit in limits if job.get(limit)} == limits


def test_prometheus_expands_the_environment_only_where_it_can() -> None:
    config = _prometheus()
    expanded = {"environment": "${ENVIRONMENT}", "cluster": "${CLUSTER}", "replica": "${REPLICA}"}
    assert config["global"].pop("external_labels") == expanded
    assert "${" not in yaml.safe_dump(config)


def _loki() -> dict[str, Any]:
    return yaml.safe_load((CONFIG / "loki/loki.yaml").read_text())


def test_loki_forgets_in_time_and_bounds_what_it_takes() -> None:
    loki = _loki()
    assert loki["compactor"]["retention_enabled"] is True
    assert loki["limits_config"]["retention_period"] == "${LOKI_RETENTION}"
    assert loki["schema_config"]["configs"][0]["index"]["period"] == "24h"
    limits = {
        "max_line_size",
        "max_label_names_per_series",
        "max_global_streams_per_user",
        "ingestion_rate_mb",
        "per_stream_rate_limit",
        "reject_old_samples",
        "creation_grace_period",
    }
    assert {limit for limit in limits if loki["limits_config"].get(limit)} == limits
    assert loki["limits_config"]["max_line_size_truncate"] is True


def test_loki_tells_nobody_outside_and_listens_where_it_is_asked() -> None:
    loki = _loki()
    assert loki["analytics"] == {"reporting_enabled": False}
    assert loki["server"]["http_listen_address"] == "${MY_POD_IP}"
    assert loki["server"]["grpc_listen_address"] == "${MY_POD_IP}"
    assert loki["memberlist"]["bind_addr"] == ["${MY_POD_IP}"]


def test_loki_takes_the_largest_batch_that_the_gateway_sends() -> None:
    gateway = yaml.safe_load((CONFIG / "collector/gateway.yaml").read_text())
    batch = gateway["exporters"]["otlp_http/logs"]["sending_queue"]["batch"]
    assert batch["sizer"] == "bytes"
    assert batch["max_size"] * 2 <= _loki()["server"]["grpc_server_max_recv_msg_size"]
