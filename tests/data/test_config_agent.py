"""The node agent's configuration as a file: the real Collector accepts it, and it asks for no more than it is given."""

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.data.overlays import upstream_agent
from tests.support.agent_process import CONFIG, UPSTREAM_FLAGS, as_run
from tests.support.certificates import self_signed
from tests.support.tool_process import tool

CUT = 250_000
"""Bytes of a body, above which the gateway cuts."""
TEXT = CONFIG.read_text()
AGENTS = {"ours": (TEXT, []), "upstream": (upstream_agent(), UPSTREAM_FLAGS)}
ENVIRONMENT = {
    "MY_POD_IP": "127.0.0.1",
    "NODE_NAME": "node-1",
    "NODE_IP": "127.0.0.1",
    "POD_NAMESPACE": "node-agents",
    "ENVIRONMENT": "local",
    "CLUSTER": "test",
    "KUBELET_INSECURE": "false",
    "GATEWAY_ENDPOINT": "dns:///otel-collector.observability.svc:4317",
    "QUEUE_BYTES": str(64 << 20),
    "QUEUE_FILE_BYTES": str(96 << 20),
    "QUEUE_FSYNC": "false",
    "MASK_PERSONAL_DATA": "true",
}


def validated(
    folder: Path, change: Callable[[dict[str, Any]], object] | None = None, *, agent: str = "ours"
) -> subprocess.CompletedProcess[str]:
    """The Collector's own judgement, with mounts in ``folder`` and files in place of a pod's service account."""
    crt, key = self_signed(folder, "client", "127.0.0.1")
    text, flags = AGENTS[agent]
    config = as_run(folder, text)
    files = {"ca_file": str(crt), "cert_file": str(crt), "key_file": str(key)}
    config["receivers"]["kubelet_stats"] |= {"auth_type": "tls"} | files
    if change:
        change(config)
    (folder / "agent.yaml").write_text(yaml.safe_dump(config))
    command = [tool("otelcol-atlas"), "validate", f"--config={folder / 'agent.yaml'}", *flags]
    given = {"PATH": os.environ["PATH"]} | ENVIRONMENT
    return subprocess.run(command, env=given, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("agent", AGENTS)
def test_the_collector_accepts_the_configuration(agent: str, tmp_path: Path) -> None:
    done = validated(tmp_path, agent=agent)
    assert done.returncode == 0, done.stderr


BREAKS: dict[str, Callable[[dict[str, Any]], object]] = {
    "a setting of the receiver that there is not": lambda c: c["receivers"]["pod_logs"].update(operators=[]),
    "a window of time that is none": lambda c: c["receivers"]["pod_logs"]["time"].update(after="0s"),
    "a retry without a pause": lambda c: c["receivers"]["pod_logs"]["retry"].update(initial_interval="0s"),
    "lines too short for their parts": lambda c: c["receivers"]["pod_logs"].update(max_log_size="16KiB"),
    "a scraper that there is not": lambda c: c["receivers"]["host_metrics"]["scrapers"].update(nothing=None),
    "a balancer that there is not": lambda c: c["exporters"]["otlp_grpc/logs"].update(balancer_name="nothing"),
    "a misspelt queue": lambda c: c["exporters"]["otlp_grpc/logs"]["sending_queue"].update(
        storrage="file_storage/logs"
    ),
}


UPSTREAM_BREAKS: dict[str, Callable[[dict[str, Any]], object]] = {
    "an operator that there is not": lambda c: c["receivers"]["file_log"]["operators"].append({"type": "nothing"}),
    "an expression that does not parse": lambda c: c["receivers"]["file_log"]["operators"].append(
        {"type": "filter", "expr": "body matches ("}
    ),
    "a statement that does not parse": lambda c: c["processors"]["transform/logs"]["log_statements"][0][
        "statements"
    ].append("set(log.body"),
}


@pytest.mark.parametrize("fault", BREAKS)
def test_the_collector_refuses_a_broken_configuration(fault: str, tmp_path: Path) -> None:
    assert validated(tmp_path, BREAKS[fault]).returncode != 0


@pytest.mark.parametrize("fault", UPSTREAM_BREAKS)
def test_the_collector_refuses_a_broken_upstream_configuration(fault: str, tmp_path: Path) -> None:
    assert validated(tmp_path, UPSTREAM_BREAKS[fault], agent="upstream").returncode != 0


def test_every_variable_is_one_that_the_header_names_and_the_check_sets() -> None:
    header, _, rest = TEXT.partition("\nreceivers:")
    used = set(re.findall(r"\$\{env:(\w+)\}", rest))
    assert used == set(ENVIRONMENT)
    assert [name for name in used if name not in header] == []


def test_every_folder_is_one_that_the_header_says_is_mounted() -> None:
    header, _, rest = TEXT.partition("\nreceivers:")
    paths = set(re.findall(r"(?<![\w.*])/(?:var|hostfs)[\w/-]*", rest))
    mounted = ("/var/log/pods", "/var/lib/node-agent", "/hostfs")
    assert [path for path in paths if not path.startswith(mounted)] == []
    assert [path for path in mounted if path not in header] == []


def test_what_waits_on_the_node_is_not_what_is_read_from_it() -> None:
    """A queue below the logs' folder would be read as a log."""
    config = yaml.safe_load(TEXT)
    stores = [told["directory"] for name, told in config["extensions"].items() if name.startswith("file_storage")]
    assert len(stores) == 3
    assert [store for store in stores if store.startswith("/var/log")] == []


def test_logs_and_metrics_wait_for_the_same_gateways_in_the_same_way() -> None:
    exporters = yaml.safe_load(TEXT)["exporters"]
    logs, metrics = exporters["otlp_grpc/logs"], exporters["otlp_grpc/metrics"]
    own = {"storage", "num_consumers"}
    for each in (logs, metrics):
        assert each["endpoint"] == "${env:GATEWAY_ENDPOINT}"
        assert each["balancer_name"] == "round_robin"
        each["sending_queue"] = {key: value for key, value in each["sending_queue"].items() if key not in own}
    assert logs == metrics


def test_the_gateway_takes_the_largest_request_of_an_agent() -> None:
    gateway = yaml.safe_load((CONFIG.parent / "gateway.yaml").read_text())
    largest = gateway["receivers"]["otlp"]["protocols"]["grpc"]["max_recv_msg_size_mib"] << 20
    for exporter in yaml.safe_load(TEXT)["exporters"].values():
        assert exporter["sending_queue"]["batch"]["max_size"] * 2 <= largest


def test_no_record_of_the_upstream_agent_is_longer_than_what_the_gateway_cuts() -> None:
    """Those of our own receiver are measured where it runs."""
    part = 16_384  # of a line, at most, as runtimes write it
    operators = yaml.safe_load(upstream_agent())["receivers"]["file_log"]["operators"]
    joined = [operator["max_log_size"] for operator in operators if operator["type"] == "container"]
    assert joined[0] + part <= CUT
    traces = [operator["max_log_size"] for operator in operators if operator["type"] == "recombine"]
    assert sum(traces) <= CUT  # each step may add one of its pieces to what the next one holds
