"""The gateway with its overlays on the real Collector: further stores get every record, and none of them holds another.

Elasticsearch's exporter is not in our distribution and cannot be had here: its overlay is judged as a graph alone
(``test_config_collector_graph.py``).
"""

import os
import re
import secrets
import signal
import ssl
import subprocess
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from catalog.collector_config import merge_configs
from tests.data.overlays import CHOICES, FOLDER, OURS, STANDALONE, UPSTREAM, merged_choice, texts, upstream
from tests.data.test_config_tools import ENVIRONMENT
from tests.support.certificates import self_signed
from tests.support.collector_process import Gateway, Sink, logs, span, traces
from tests.support.tool_process import running, tool
from tests.support.waiting import wait_until

FURTHER = {
    "LOGS_COPY_ENDPOINT": "https://logs.example.com",
    "METRICS_REPLICA_ENDPOINT": "http://prometheus-1.prometheus:9090/api/v1/otlp",
}
GIVEN = ENVIRONMENT | FURTHER | {"PATH": os.environ["PATH"]}
COPY = merged_choice(("logs-otlp", "logs-otlp-token"))


def test_every_file_is_a_configuration_or_an_overlay_that_is_tried() -> None:
    tried = {f"{name}.yaml" for chosen in CHOICES.values() for name in chosen}
    assert {path.name for path in FOLDER.glob("*.yaml")} == STANDALONE | tried


AGENT = (FOLDER / "agent.yaml", FOLDER / "agent-upstream.yaml")
OF_OURS = {"pod_logs", "sanitize", "split_refused"}


def test_the_upstream_image_is_asked_for_no_component_of_ours() -> None:
    for texts_of in (
        *(texts(chosen) for chosen in CHOICES.values() if UPSTREAM in chosen),
        [path.read_text() for path in AGENT],
    ):
        config = yaml.safe_load(merge_configs(texts_of))
        named = {name.partition("/")[0] for kind in config.values() if isinstance(kind, dict) for name in kind}
        assert not OF_OURS & named
        assert not OF_OURS & {each["id"] for each in _middlewares(config)}


def test_our_own_components_are_those_of_the_manifest() -> None:
    known = subprocess.run([tool("otelcol-atlas"), "components"], capture_output=True, text=True, check=True).stdout
    ours = [each for kind in yaml.safe_load(known).values() if isinstance(kind, list) for each in kind]
    assert {each["name"] for each in ours if str(each.get("module", "")).startswith("atlas/")} == OF_OURS


def _middlewares(config: dict[str, Any]) -> list[dict[str, str]]:
    return [each for exporter in config["exporters"].values() for each in exporter.get("middlewares", ())]


def test_every_variable_of_an_overlay_is_one_that_the_checks_set() -> None:
    used = {name for path in FOLDER.glob("*.yaml") for name in re.findall(r"\$\{env:(\w+)\}", path.read_text())} - set(
        re.findall(r"\$\{env:(\w+)\}", (FOLDER / "agent.yaml").read_text())
    )
    assert used <= set(GIVEN) | {"ELASTICSEARCH_ENDPOINT"}
    assert used >= {*FURTHER, "ELASTICSEARCH_ENDPOINT"}


def _collector(folder: Path, files: list[str], *command: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the Collector on these texts, with their mounts in ``folder``."""
    (folder / "secrets").mkdir(exist_ok=True)
    for name in ("traces-token", "logs-token", "elasticsearch-key"):
        (folder / "secrets" / name).write_text(secrets.token_urlsafe(24))
    args: list[str] = []
    for at, text in enumerate(files):
        path = folder / f"{at}.yaml"
        path.write_text(
            text.replace("/etc/otel-collector/secrets", str(folder / "secrets")).replace(
                "/var/lib/otel-collector", str(folder / "queues")
            )
        )
        args.append(f"--config={path}")
    return subprocess.run(
        [tool("otelcol-atlas"), *command, *args], env=GIVEN, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize("choice", OURS)
def test_the_collector_accepts_the_gateway_with_its_overlays(choice: str, tmp_path: Path) -> None:
    done = _collector(tmp_path, [merged_choice(OURS[choice])], "validate")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "overlay",
    [
        "traces-external",
        "traces-token",
        "logs-otlp",
        "logs-otlp-token",
        "logs-external",
        "logs-external-token",
        "gateway-upstream",
        "logs-victorialogs-upstream",
    ],
)
def test_the_collector_refuses_a_broken_overlay(overlay: str, tmp_path: Path) -> None:
    chosen = {
        "traces-token": ("traces-external", "traces-token"),
        "logs-otlp-token": ("logs-otlp", "logs-otlp-token"),
        "logs-external-token": ("logs-external", "logs-external-token"),
        "logs-victorialogs-upstream": upstream(("logs-victorialogs",)),
    }
    text = merged_choice(chosen.get(overlay, (overlay,)))
    broken = {
        "traces-external": "524288",
        "logs-otlp": "LOGS_COPY_ENDPOINT",
        "logs-external": "524288",
        "gateway-upstream": "truncate_all(",
        "logs-victorialogs-upstream": "flatten(",
    }
    right = broken.get(overlay, "authenticator")
    assert right in text
    assert _collector(tmp_path, [text.replace(right, "nothing")], "validate").returncode != 0


@pytest.mark.parametrize("choice", [choice for choice, chosen in OURS.items() if chosen and UPSTREAM not in chosen])
def test_the_collector_itself_would_merge_the_files_alike(choice: str, tmp_path: Path) -> None:
    """By an experimental switch that joins lists as we do; it is not to be relied on, but says what it would do."""
    command = ("print-config", "--mode=unredacted", "--feature-gates=confmap.enableMergeAppendOption")
    ours = _collector(tmp_path, [merged_choice(OURS[choice])], *command)
    theirs = _collector(tmp_path, texts(OURS[choice]), *command)
    assert (ours.returncode, theirs.returncode) == (0, 0), ours.stderr + theirs.stderr
    assert yaml.safe_load(ours.stdout) == yaml.safe_load(theirs.stdout)


def test_the_upstream_image_gets_no_component_that_it_does_not_know() -> None:
    for chosen in CHOICES.values():
        if UPSTREAM in chosen:
            config = yaml.safe_load(merged_choice(chosen))
            assert "sanitize" not in config["processors"]
            assert not [
                name
                for each in config["service"]["pipelines"].values()
                for name in each.get("processors", [])
                if name == "sanitize"
            ]


def _bodies(sink: Sink) -> Counter[str]:
    return Counter(item["body"].get("stringValue", "") for item in sink.records())


def _copying(folder: Path, copy: Sink, variant: Any = None) -> tuple[Gateway, Sink, str]:
    """A gateway that sends logs to two stores, the first of them, and the token of the second."""
    first, token = Sink(), secrets.token_urlsafe(24)
    (folder / "secrets").mkdir()
    (folder / "secrets" / "logs-token").write_text(token)
    gateway = Gateway(folder, first, text=COPY, environment={"LOGS_COPY_ENDPOINT": copy.url}, variant=variant)
    return gateway, first, token


def test_each_store_gets_each_record_and_only_the_second_sees_its_token(tmp_path: Path) -> None:
    second = Sink()
    gateway, first, token = _copying(tmp_path, second)
    lines = Counter(f"line {number}" for number in range(500))
    with running(gateway):
        assert gateway.send("logs", logs(list(lines))) == 200
        wait_until(lambda: len(_bodies(first)) == len(_bodies(second)) == 500, 20, "both stores")
    assert _bodies(first) == _bodies(second) == lines
    assert set(second.authorizations) == {f"Bearer {token}"}
    assert set(first.authorizations) == {None}


def _waiting(gateway: Gateway) -> float:
    """Bytes in the queue of the first store."""
    size = re.search(
        r'^otelcol_exporter_queue_size\{.*exporter="otlp_http/logs".*\} (\S+)$', gateway.own_metrics(), re.M
    )
    assert size
    return float(size[1])


def _one_out(folder: Path, variant: Any = None) -> tuple[Counter[str], Counter[str], Counter[str]]:
    """The second store is out while the gateway is killed; what each of them has in the end, and what was acknowledged."""
    second = Sink()
    second.down = True
    gateway, first, _ = _copying(folder, second, variant)
    sent: Counter[str] = Counter()
    with running(gateway):
        for turn in range(2):
            lines = [f"line {turn}-{number}" for number in range(200)]
            assert gateway.send("logs", logs(list(lines))) == 200
            sent.update(lines)
            wait_until(lambda: _bodies(first) == sent, 10, "the store that is well")
            wait_until(lambda: _waiting(gateway) == 0, 10, "the gateway to know that it is well")
            time.sleep(0.3)
            wait_until(lambda: bool(second.authorizations), 10, "an attempt at the other")
            gateway.stop(signal.SIGKILL)
            gateway.start()
        second.down = False
        assert gateway.send("logs", logs(["last"])) == 200
        sent["last"] = 1
        wait_until(lambda: _bodies(second)["last"] == 1, 40, "the store that was out")
        wait_until(lambda: _bodies(second) == sent or variant is not None, 40, "all that it missed")
    return _bodies(first), _bodies(second), sent


def test_a_store_that_is_out_holds_no_other_and_misses_nothing(tmp_path: Path) -> None:
    first, second, sent = _one_out(tmp_path)
    assert first == second == sent


def test_the_drill_sees_a_copy_that_waits_in_memory(tmp_path: Path) -> None:
    def in_memory(config: dict[str, Any]) -> None:
        config["exporters"]["otlp_http/logs_copy"]["sending_queue"].pop("storage")

    first, second, sent = _one_out(tmp_path, in_memory)
    assert first == sent
    assert second != sent


def test_both_replicas_get_every_metric_and_count_every_span(tmp_path: Path) -> None:
    first, second = Sink(), Sink()
    known = {"METRICS_REPLICA_ENDPOINT": second.url}
    gateway = Gateway(tmp_path, first, text=merged_choice(("metrics-replica",)), environment=known)
    point = {"dataPoints": [{"asDouble": 1.5, "timeUnixNano": str(time.time_ns())}]}
    metric = {"scopeMetrics": [{"metrics": [{"name": "sent", "gauge": point}]}]}
    with running(gateway):
        assert gateway.send("metrics", {"resourceMetrics": [metric]}) == 200
        assert gateway.send("traces", traces([span()])) == 200
        for sink in (first, second):
            wait_until(lambda: bool(sink.metrics("sent")), 10, "the metric")  # noqa: B023
            wait_until(lambda: bool(sink.metrics("traces.span.metrics.calls")), 10, "the span's metric")  # noqa: B023
    assert len(first.metrics("sent")) == len(second.metrics("sent")) == 1


def _external(folder: Path, *, trusted: bool) -> tuple[Gateway, Sink, str]:
    """A gateway whose traces go to a store with a certificate, whose authority it knows if ``trusted``."""
    folder.mkdir()
    sink, token = Sink(), secrets.token_urlsafe(24)
    crt, key = self_signed(folder, "store", "127.0.0.1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(crt, key)
    sink.server.socket = context.wrap_socket(sink.server.socket, server_side=True)
    (folder / "secrets").mkdir()
    (folder / "secrets" / "traces-token").write_text(token)
    known = {"TRACES_ENDPOINT": sink.url.replace("http:", "https:")} | ({"SSL_CERT_FILE": str(crt)} if trusted else {})
    text = merged_choice(("traces-external", "traces-token"))
    return Gateway(folder, sink, text=text, environment=known), sink, token


def test_traces_reach_a_store_outside_with_the_token_it_asks_for(tmp_path: Path) -> None:
    gateway, sink, token = _external(tmp_path / "trusted", trusted=True)
    sent = [span(failed=True) for _ in range(50)]
    with running(gateway):
        assert gateway.send("traces", traces(sent)) == 200
        wait_until(lambda: len(sink.spans()) >= 50, 20, "the spans")
    assert Counter(item["spanId"] for item in sink.spans()) == Counter(item["spanId"] for item in sent)
    assert f"Bearer {token}" in sink.authorizations


def test_a_store_outside_whose_certificate_nobody_signed_is_told_nothing(tmp_path: Path) -> None:
    gateway, sink, token = _external(tmp_path / "unknown", trusted=False)
    with running(gateway):
        assert gateway.send("traces", traces([span(failed=True)])) == 200
        wait_until(lambda: "certificate signed by unknown authority" in gateway.log(), 20, "the refusal")
    assert (sink.spans(), sink.authorizations) == ([], [])
    assert token not in gateway.log()
