"""A subscription that is left in whichever way: what the host does next is in no publisher's trace, and the handling is sent."""

import re

from conftest import EACH_AGE, HOSTS, Receiver, Start, wait_until

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-b7ad6b7169203331-01"


@EACH_AGE
def test_what_comes_after_a_subscription_belongs_to_no_publisher(
    start: Start, receiver: Receiver, redis_port: int, rabbitmq_port: int
) -> None:
    host = start(
        "leaving.py",
        PARENT=PARENT,
        REDIS_PORT=str(redis_port),
        RABBITMQ_PORT=str(rabbitmq_port),
        TRACE_REDIS_MESSAGES="true",
        OTEL_EXPORTER_OTLP_ENDPOINT=receiver.endpoint,
        OTEL_BSP_SCHEDULE_DELAY="100",
    )
    wait_until(lambda: host.saying("works") or host.process.poll() is not None, 60)
    assert host.process.poll() is None, (host.lines, host.wait(), host.errors)
    ways = re.findall(r"^(?:async )?def (\w+)\(way\):", (HOSTS / "leaving.py").read_text(), re.MULTILINE)
    ways = [way for way in ways if way not in ("subscribed", "inside", "asubscribed", "queue_of")] + ["thread"]
    assert len(ways) > 20
    said = {line["message"]: line.get("trace_id") for line in host.lines}
    assert {way for way in ways if said.get(f"inside {way}") != TRACE} == set(), "each is handled in its trace"
    assert {way for way in ways if said.get(f"after {way}", "not there") is not None} == set()

    assert host.saying("open 100 of 100")

    # While the host goes on.
    def unsent() -> list[str]:
        return [
            way for way in ways if not [span for span in receiver.named(f"{way} process") if span.end_time_unix_nano]
        ]

    wait_until(lambda: not unsent() or host.process.poll() is not None)
    assert (unsent(), host.process.poll()) == ([], None)
    handled = {span.span_id.hex(): span for span in receiver.spans if span.name.endswith(" process")}
    inside = {line["message"]: line["span_id"] for line in host.lines if line["message"].startswith("inside ")}
    assert set(inside.values()) <= set(handled), "no line's span is one that is never sent"
    assert handled[inside["inside by_failing_function"]].status.code == 2
