"""A deployed stack at a glance: pods, scrape targets, the rate of each signal, alerts that fire, and how full the queues are.

`doors` opens what people look at, at ports of this machine.
"""

import json
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Any

from tools.port_forward import Access, PortForward, open_port_forward
from tools.supervised_process import ClusterError, say

SERVICES: Mapping[str, tuple[str, int, int]] = {
    "grafana": ("observability", 3000, 3000),
    "prometheus": ("observability", 9090, 9090),
    "alertmanager": ("observability", 9093, 9093),
    "jaeger": ("observability", 16686, 16686),
    "loki": ("observability", 3100, 3100),
    "ops-ui": ("trading", 3000, 3001),
    "api": ("trading", 8000, 8000),
}
"""Services by the role of their namespace, with their port there and the one here."""
RATES = {
    "logs": "otelcol_receiver_accepted_log_records_total",
    "spans": "otelcol_receiver_accepted_spans_total",
    "metric points": "otelcol_receiver_accepted_metric_points_total",
}
QUEUE_FULLNESS = "max by (service, exporter) (otelcol_exporter_queue_size / (otelcol_exporter_queue_capacity > 0))"

Samples = list[tuple[dict[str, str], float]]
Query = Callable[[str], Samples]


def print_status(access: Access, namespaces: Mapping[str, str]) -> bool:
    """Print it. `namespaces` are the stack's by role. False when a pod is not ready or Prometheus does not answer."""
    pods = [each for name in namespaces.values() for each in _pods(access, name)]
    waiting = [each for each in pods if not each[2]]
    print(f"pods: {len(pods) - len(waiting)} of {len(pods)} ready")
    for namespace, name, _, why in waiting:
        print(f"  {namespace}/{name}: {why}")
    if paused := sorted(name for namespace in namespaces.values() for name in _scaled_to_zero(access, namespace)):
        print(f"scaled to zero: {', '.join(paused)}")
    if not pods:
        return False
    try:
        with open_port_forward(
            PortForward(namespace=namespaces["observability"], service="prometheus", port=9090), access
        ) as port:
            print("\n".join(summarize(lambda query: _ask(port, query))))
    except (ClusterError, OSError) as error:
        print(f"Prometheus does not answer: {error}")
        return False
    return not waiting


def open_port_forwards(access: Access, namespaces: Mapping[str, str], told: Callable[[str], None] = say) -> bool:
    """Open what there is and say where, until somebody interrupts. False when nothing can be opened."""
    count = 0
    with ExitStack() as opened:
        for service, (role, port, local) in SERVICES.items():
            door = PortForward(namespace=namespaces[role], service=service, port=port, local_port=local)
            try:
                here = opened.enter_context(open_port_forward(door, access))
                told(f"{service:13} http://localhost:{here}")
                count += 1
            except ClusterError as error:
                told(f"{service:13} {error}")
        if count == 0:
            return False
        told("open until you press Ctrl-C")
        try:
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            return True


def summarize(ask: Query) -> list[str]:
    """What Prometheus knows of targets, signals, alerts and queues, in lines."""
    targets = ask("up")
    down = sorted({labels.get("service", labels["job"]) for labels, value in targets if value == 0})
    lines = [f"targets: {len(targets) - sum(value == 0 for _, value in targets)} of {len(targets)} up"]
    lines += [f"  down: {', '.join(down)}"] if down else []
    rates = {
        signal: sum(value for _, value in ask(f'sum(rate({series}{{service="otel-collector"}}[2m]))'))
        for signal, series in RATES.items()
    }
    lines.append("signals: " + ", ".join(f"{rate:.1f} {signal}/s" for signal, rate in rates.items()))
    firing = ask('ALERTS{alertstate="firing"}')
    lines.append(f"alerts: {len(firing)} firing")
    lines += sorted(
        f"  {labels.get('severity', 'none')}: {labels['alertname']}"
        + "".join(f" {key}={labels[key]}" for key in ("service", "workload", "pod") if key in labels)
        for labels, _ in firing
    )
    queues = sorted((_queue(labels), value) for labels, value in ask(QUEUE_FULLNESS))
    lines.append("queues: " + (", ".join(f"{name} {value:.1%} full" for name, value in queues) or "none reported"))
    return lines


def _queue(labels: Mapping[str, str]) -> str:
    return f"{labels.get('service', '')} {labels.get('exporter', '')}".strip()


def _pods(access: Access, namespace: str) -> list[tuple[str, str, bool, str]]:
    """(namespace, name, ready, why not) of each pod that is to run all the time."""
    found: list[tuple[str, str, bool, str]] = []
    for pod in _get("pods", access, namespace):
        owners = {owner["kind"] for owner in pod["metadata"].get("ownerReferences", [])}
        if "Job" in owners:
            continue
        status = pod.get("status", {})
        conditions = {each["type"]: each for each in status.get("conditions", [])}
        ready = conditions.get("Ready", {}).get("status") == "True"
        states = [state for each in status.get("containerStatuses", []) for state in each.get("state", {}).values()]
        reasons = [state["reason"] for state in states if state.get("reason")]
        scheduled = conditions.get("PodScheduled", {})
        why = reasons[0] if reasons else scheduled.get("message") or status.get("phase", "unknown")
        found.append((namespace, pod["metadata"]["name"], ready, why))
    return sorted(found)


def _scaled_to_zero(access: Access, namespace: str) -> list[str]:
    workloads = _get("deployments,statefulsets", access, namespace)
    return [each["metadata"]["name"] for each in workloads if each["spec"].get("replicas") == 0]


def _get(kinds: str, access: Access, namespace: str) -> list[dict[str, Any]]:
    return json.loads(access.ask("get", kinds, f"--namespace={namespace}", "--output=json"))["items"]


def _ask(port: int, query: str) -> Samples:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    address = f"http://127.0.0.1:{port}/api/v1/query?{urllib.parse.urlencode({'query': query})}"
    with opener.open(address, timeout=15) as answer:
        return [(each["metric"], float(each["value"][1])) for each in json.load(answer)["data"]["result"]]
