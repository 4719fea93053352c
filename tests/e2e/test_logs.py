"""From a container's stdout to Loki: every line once, with whose it is, and without credentials."""

import secrets
import time

import pytest

from tests.e2e.running_stack import RunningStack, awaited
from tests.e2e.seed_data import CREDENTIALS, new_credential
from tests.e2e.workload_pods import wrote
from tests.support.collector_process import logs as otlp_logs
from tests.support.collector_process import span
from tests.support.collector_process import traces as otlp_traces

LINES = 4000
TRACE_OF_PYTHON = """Traceback (most recent call last):
  File "/app/worker.py", line 12, in settle
    total = price / size
ZeroDivisionError: division by zero"""
TRACE_OF_NODE = """TypeError: Cannot read properties of undefined (reading 'price')
    at fill (/app/orders.js:31:17)
    at async /app/index.js:12:3"""


def lines(stack: RunningStack, writer: str, at_least: int, seconds: float = 60) -> list[tuple[dict[str, str], str]]:
    """The records of a pod, once there are that many."""
    query = f'{{service_name="{writer}"}}'
    awaited(lambda: len(stack.logs(query)) >= at_least, seconds, f"{at_least} records")
    return stack.logs(query)


def test_every_line_arrives_once_with_its_service_and_environment(stack: RunningStack) -> None:
    script = f"""
import json, sys
for number in range({LINES}):
    print(json.dumps({{"level": "info", "message": f"numbered {{number}}", "order_id": number}}))
"""
    writer = wrote(stack, script)
    found = lines(stack, writer, LINES)
    time.sleep(3)  # for what might come twice
    found = stack.logs(f'{{service_name="{writer}"}}')
    assert sorted(int(line.split()[1]) for _, line in found) == list(range(LINES))
    for labels, _ in found[:: LINES // 10]:
        assert labels["service_name"] == writer
        assert labels["deployment_environment_name"] == "local"
        assert labels["k8s_namespace_name"] == "trading"
        assert labels["k8s_pod_name"] == writer
        assert labels["order_id"].isdigit()


def test_a_stack_trace_is_one_record_and_plain_lines_are_kept(stack: RunningStack) -> None:
    script = f"""
import sys
for text in ({TRACE_OF_PYTHON!r}, "plain words, and no JSON", {TRACE_OF_NODE!r}, "{{broken JSON", "the end"):
    print(text, flush=True)
"""
    found = lines(stack, wrote(stack, script), 5)
    assert {line for _, line in found} == {
        TRACE_OF_PYTHON,
        "plain words, and no JSON",
        TRACE_OF_NODE,
        "{broken JSON",
        "the end",
    }
    assert len(found) == 5


def test_a_line_leads_to_its_trace(stack: RunningStack) -> None:
    trace, of_span = secrets.token_hex(16), secrets.token_hex(8)
    script = f"""
import json
print(json.dumps({{"message": "with a trace", "trace_id": {trace!r}, "span_id": {of_span!r}, "trace_flags": "01"}}))
"""
    ((labels, line),) = lines(stack, wrote(stack, script), 1)
    assert line == "with a trace"
    assert (labels["trace_id"], labels["span_id"]) == (trace, of_span)


@pytest.mark.parametrize("kind", CREDENTIALS)
def test_a_credential_never_reaches_a_store(stack: RunningStack, kind: str, sent: dict[str, str]) -> None:
    secret = max(sent[kind].splitlines(), key=len)
    mark = f"mark-{kind.replace(' ', '-')}"

    def told() -> bool:
        return len(stack.logs(f'{{service_name=~"writer-.+|unknown"}} |= "{mark}"')) >= 3

    awaited(told, 60, f"the records with {kind}")
    found = stack.logs(f'{{service_name=~"writer-.+|unknown"}} |= "{mark}"')
    assert all(secret not in line + str(labels) for labels, line in found)
    assert stack.logs(f'{{service_name=~".+"}} |= "{secret}"') == []
    spans = awaited(lambda: stack.trace(sent["trace"]), 60, "the spans with credentials")
    assert any(mark in str(each) for each in spans)
    assert all(secret not in str(each) for each in spans)


@pytest.fixture(scope="module")
def sent(stack: RunningStack) -> dict[str, str]:
    """Each kind of credential, on stdout as JSON and as plain text, and by OTLP in a record and in a span; ``trace`` is its id.

    What comes through a forwarded port is of no pod that the gateway knows, whatever it calls itself.
    """
    there, trace = {kind: new_credential(kind) for kind in CREDENTIALS}, secrets.token_hex(16)
    said = {f"mark-{kind.replace(' ', '-')}": CREDENTIALS[kind].format(secret) for kind, secret in there.items()}
    script = f"""
import json
for mark, text in {said!r}.items():
    print(json.dumps({{"message": f"{{mark}} {{text}}", "detail": text}}))
    print(f"{{mark}} {{text}}".replace("\\n", "\\\\n"))
"""
    wrote(stack, script)
    records = [{"body": {"stringValue": f"{mark} {text}"}} for mark, text in said.items()]
    stack.send("logs", otlp_logs(records, **{"service.name": "e2e-credentials"}))
    spans = [
        span(f"{mark} {text}", trace=trace, failed=True, attributes={"detail": f"{mark} {text}"})
        for mark, text in said.items()
    ]
    stack.send("traces", otlp_traces(spans, "e2e-credentials"))
    return there | {"trace": trace}
