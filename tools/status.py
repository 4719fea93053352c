"""The status of a deployed stack: pods, scrape targets, rates of the signals, firing alerts, and how full the queues are.

``open_port_forwards`` opens the Services that people look at, at ports of this machine.
"""

import json
import time
import urllib.parse
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import ExitStack
from itertools import count
from typing import Any

from tools import local_http, pages
from tools.port_forward import Access, PortForward, open_port_forward
from tools.ports import LOOPBACK
from tools.progress import log
from tools.supervised_process import ClusterError

OBSERVABILITY_PORTS: Mapping[str, int] = {
    "grafana": 3000,
    "prometheus": 9090,
    "alertmanager": 9093,
    "jaeger": 16686,
    "loki": 3100,
    "victorialogs": 9428,
}
"""What people look at, with the port of its Service."""
RATES = {
    "logs": "otelcol_receiver_accepted_log_records_total",
    "spans": "otelcol_receiver_accepted_spans_total",
    "metric points": "otelcol_receiver_accepted_metric_points_total",
}
QUEUE_FULLNESS = "max by (service, exporter) (otelcol_exporter_queue_size / (otelcol_exporter_queue_capacity > 0))"

Samples = list[tuple[dict[str, str], float]]
Query = Callable[[str], Samples]


def print_status(access: Access, namespaces: Mapping[str, str]) -> bool:
    """Print the status. ``namespaces`` are the stack's by role. False when a pod is not ready or Prometheus does not answer."""
    pods = [each for name in namespaces.values() for each in _pods(access, name)]
    not_ready = [each for each in pods if not each[2]]
    print(f"pods: {len(pods) - len(not_ready)} of {len(pods)} ready")
    for namespace, name, _, reason in not_ready:
        print(f"  {namespace}/{name}: {reason}")
    if names := sorted(name for namespace in namespaces.values() for name in _scaled_to_zero(access, namespace)):
        print(f"scaled to zero: {', '.join(names)}")
    if not pods:
        return False
    try:
        forward = PortForward(namespace=namespaces["observability"], service="prometheus", port=9090)
        with open_port_forward(forward, access) as port:
            print("\n".join(summarize(lambda query: _query(port, query))))
    except (ClusterError, OSError) as error:
        print(f"Prometheus does not answer: {error}")
        return False
    return not not_ready


def choose_port_forwards(
    namespaces: Mapping[str, str], public_services: Mapping[str, int], deployed: Collection[str]
) -> list[PortForward]:
    """The Services that people look at, each at its own port on this machine, or where that is taken at the next free one.

    ``public_services`` are those of the platform, with their ports; ``deployed`` are all Services of the observability namespace.
    """
    forwards: list[PortForward] = []
    observability = {name: port for name, port in OBSERVABILITY_PORTS.items() if name in deployed}
    for role, ports in (("observability", observability), ("trading", public_services)):
        for service, port in ports.items():
            taken = {each.local_port for each in forwards}
            local_port = next(each for each in count(port) if each not in taken)
            forward = PortForward(namespace=namespaces[role], service=service, port=port, local_port=local_port)
            forwards.append(forward)
    return forwards


def service_names(access: Access, namespace: str) -> set[str]:
    """The Services of a namespace.

    Raises:
        ClusterError: kubectl failed.
    """
    return {each["metadata"]["name"] for each in _get("services", access, namespace)}


def open_port_forwards(access: Access, forwards: Sequence[PortForward]) -> bool:
    """Forward ports to all Services that exist, and log their URLs, until Ctrl-C. False when no port could be forwarded."""
    is_open = False
    with ExitStack() as opened:
        for forward in forwards:
            try:
                local_port = opened.enter_context(open_port_forward(forward, access))
                log(f"{forward.service:13} {pages.describe(forward.service, local_port)}")
                is_open = True
            except ClusterError as error:
                log(f"{forward.service:13} {error}")
        if not is_open:
            return False
        log("open until you press Ctrl-C")
        try:
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            return True


def summarize(query: Query) -> list[str]:
    """What Prometheus knows of targets, signals, alerts and queues, as lines of text."""
    targets = query("up")
    down = sorted({labels.get("service", labels["job"]) for labels, value in targets if value == 0})
    lines = [f"targets: {len(targets) - sum(value == 0 for _, value in targets)} of {len(targets)} up"]
    lines += [f"  down: {', '.join(down)}"] if down else []
    rates = {
        signal: sum(value for _, value in query(f'sum(rate({series}{{service="otel-collector"}}[2m]))'))
        for signal, series in RATES.items()
    }
    lines.append("signals: " + ", ".join(f"{rate:.1f} {signal}/s" for signal, rate in rates.items()))
    firing = query('ALERTS{alertstate="firing"}')
    lines.append(f"alerts: {len(firing)} firing")
    lines += sorted(
        f"  {labels.get('severity', 'none')}: {labels['alertname']}"
        + "".join(f" {key}={labels[key]}" for key in ("service", "workload", "pod") if key in labels)
        for labels, _ in firing
    )
    queues = sorted((_queue_name(labels), value) for labels, value in query(QUEUE_FULLNESS))
    lines.append("queues: " + (", ".join(f"{name} {value:.1%} full" for name, value in queues) or "none reported"))
    return lines


def _queue_name(labels: Mapping[str, str]) -> str:
    return f"{labels.get('service', '')} {labels.get('exporter', '')}".strip()


def _pods(access: Access, namespace: str) -> list[tuple[str, str, bool, str]]:
    """Namespace, name, whether it is ready and why not, of each pod that is no Job's."""
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
        reason = reasons[0] if reasons else scheduled.get("message") or status.get("phase", "unknown")
        found.append((namespace, pod["metadata"]["name"], ready, reason))
    return sorted(found)


def _scaled_to_zero(access: Access, namespace: str) -> list[str]:
    workloads = _get("deployments,statefulsets", access, namespace)
    return [each["metadata"]["name"] for each in workloads if each["spec"].get("replicas") == 0]


def _get(kinds: str, access: Access, namespace: str) -> list[dict[str, Any]]:
    return json.loads(access.ask("get", kinds, f"--namespace={namespace}", "--output=json"))["items"]


def _query(port: int, query: str) -> Samples:
    url = f"http://{LOOPBACK}:{port}/api/v1/query?{urllib.parse.urlencode({'query': query})}"
    answer = json.loads(local_http.get(url, timeout=15))
    return [(each["metric"], float(each["value"][1])) for each in answer["data"]["result"]]
