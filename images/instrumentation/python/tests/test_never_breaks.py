"""A host starts and works whatever is wrong around it, and one line says what."""

import socket
import time
import urllib.request
from pathlib import Path

import pytest
from conftest import Start, free_port, wait_until

WELL = "print('works')\n"


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"LOG_LEVEL": "loud"}, "LOG_LEVEL is 'loud', expected one of debug, info"),
        ({"METRICS_PORT": "http"}, "METRICS_PORT is 'http', expected a port"),
        ({"METRICS_PORT": "70000"}, "METRICS_PORT is '70000', expected a port"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "OTEL_EXPORTER_OTLP_TIMEOUT": "soon"}, "traces are off"),
    ],
)
def test_a_wrong_setting_is_said_once(start: Start, environment: dict[str, str], said: str) -> None:
    host = start(WELL, **environment)
    assert host.wait() == 0
    assert len(host.saying(said)) == 1
    assert [line["message"] for line in host.lines][-1] == "works"


def test_a_collector_that_is_not_there_is_said_once(start: Start) -> None:
    program = (
        "import time\nfrom opentelemetry import trace\n"
        "for n in range(5):\n    trace.get_tracer('t').start_span('s').end()\n    time.sleep(0.3)\nprint('works')\n"
    )
    host = start(
        program,
        OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{free_port()}",
        OTEL_BSP_SCHEDULE_DELAY="100",
        OTEL_EXPORTER_OTLP_TIMEOUT="1",
    )
    assert host.wait() == 0
    assert len(host.saying("works")) == 1
    told = [line for line in host.lines if line["logger"].startswith("opentelemetry")]
    assert 1 <= len(told) <= 2, told


def test_a_full_queue_is_said_once_and_no_record_is_made_for_the_other_spans(start: Start, never: str) -> None:
    program = (
        "import logging\nfrom opentelemetry import trace\nmade, make = [], logging.getLogRecordFactory()\n"
        "logging.setLogRecordFactory(lambda name, *more, **rest: made.append(name) or make(name, *more, **rest))\n"
        "for n in range(200):\n    trace.get_tracer('t').start_span('s').end()\n"
        "print(made.count('opentelemetry.sdk._shared_internal'), 'made')\n"
    )
    queue = {"OTEL_BSP_MAX_QUEUE_SIZE": "10", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "5"}
    host = start(program, OTEL_EXPORTER_OTLP_ENDPOINT=never, **queue)
    assert host.wait() == 0
    assert len(host.saying("Queue full")) == 1
    assert [line["message"] for line in host.saying(" made")] == ["1 made"]


def test_a_collector_that_never_answers_holds_up_no_end(start: Start, never: str) -> None:
    program = (
        "from opentelemetry import trace\n"
        "for n in range(2000):\n    trace.get_tracer('t').start_span('s').end()\nprint('works')\n"
    )
    host = start(program, OTEL_EXPORTER_OTLP_ENDPOINT=never)
    wait_until(lambda: host.saying("works"))
    begun = time.monotonic()
    assert host.wait() == 0
    assert time.monotonic() - begun < 8


def test_a_taken_metrics_port_is_said_once(start: Start) -> None:
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", 0))  # noqa: S104 - it is what the package would take
        taken.listen()
        port = str(taken.getsockname()[1])
        host = start(WELL, METRICS_PORT=port)
        assert host.wait() == 0
    assert [line["level"] for line in host.saying(f"no metrics are served at port {port}")] == ["warning"]
    assert host.saying("works")


def test_a_host_that_serves_the_port_itself_gets_it(start: Start) -> None:
    port = free_port()
    program = (
        "import time, prometheus_client\nprometheus_client.Gauge('own', 'o').set(3)\n"
        f"prometheus_client.start_http_server({port}, addr='127.0.0.1')\nprint('works')\ntime.sleep(30)\n"
    )
    host = start(program, METRICS_PORT=str(port))
    wait_until(lambda: host.saying("works"))
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as page:
        assert b"own 3.0" in page.read()
    assert len(host.saying("serves port")) == 1


def test_a_version_that_is_not_supported_is_said_once(start: Start, tmp_path: Path) -> None:
    told = tmp_path / "lib/aio_pika-99.0.0.dist-info"
    told.mkdir(parents=True)
    (told / "METADATA").write_text("Metadata-Version: 2.1\nName: aio-pika\nVersion: 99.0.0\n")
    program = "import aio_pika, aio_pika.queue\nprint('works')\n"
    host = start(program, PYTHONPATH=str(told.parent))
    assert host.wait() == 0
    assert len(host.saying("aio_pika 99.0.0")) == 1
    assert host.saying("works")


def test_a_library_that_is_made_otherwise_is_imported_all_the_same(start: Start, tmp_path: Path) -> None:
    for name, text in (("redis", "__version__ = '99.0'\nclass Redis: pass"), ("redis/client", "class PubSub: pass")):
        file = tmp_path / "lib" / (f"{name}.py" if "/" in name else f"{name}/__init__.py")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{text}\n")
    host = start("import redis\nprint('works')\n", PYTHONPATH=str(tmp_path / "lib"), TRACE_REDIS_MESSAGES="true")
    assert host.wait() == 0, host.lines
    assert len(host.saying("redis 99.0: not all of its messages carry a trace")) == 1
    assert host.saying("works")


FOREIGN = """
import asyncio, os
import aio_pika

async def main():
    connection = await aio_pika.connect(port=int(os.environ["RABBITMQ_PORT"]))
    channel = await connection.channel()
    queue = await channel.declare_queue(exclusive=True)
    heard = asyncio.Event()

    async def on_message(message):
        async with message.process():
            heard.set()

    await queue.consume(on_message)
    # As a library of another language may write them.
    message = aio_pika.Message(b"1", headers={"baggage": 5, "x-forwarded-for": 7})
    await channel.default_exchange.publish(message, routing_key=queue.name)
    await asyncio.wait_for(heard.wait(), 10)
    await connection.close()
    print("works")

asyncio.run(main())
"""


def test_a_message_with_headers_that_are_no_text_is_handled(start: Start, rabbitmq_port: int) -> None:
    host = start(FOREIGN, RABBITMQ_PORT=str(rabbitmq_port), OTEL_EXPORTER_OTLP_ENDPOINT="")
    assert host.wait() == 0, host.lines
    assert [line["message"] for line in host.lines] == ["works"]


def test_switched_off_nothing_is_changed(start: Start) -> None:
    program = (
        "import sys\nassert 'atlas_instrumentation' not in sys.modules\nassert 'opentelemetry' not in sys.modules\n"
    )
    assert start(program, ATLAS_INSTRUMENTATION="off").wait() == 0
    assert start(program, OTEL_SERVICE_NAME="").wait() == 0
    assert start(program).wait() == 1


@pytest.mark.parametrize(("ending", "code"), [("sys.exit(3)", 3), ("os._exit(4)", 4), ("raise SystemExit('why')", 1)])
def test_exit_codes_stay(start: Start, ending: str, code: int) -> None:
    assert start(f"import os, sys\n{ending}\n").wait() == code


def test_sigterm_ends_a_host_without_a_handler_as_before(start: Start) -> None:
    host = start("import time\nprint('works')\ntime.sleep(30)\n")
    wait_until(lambda: host.saying("works"))
    assert host.stop() == -15


def test_a_handler_of_the_host_is_respected(start: Start) -> None:
    program = (
        "import signal, sys, time\n"
        "def on_term(number, frame):\n    print('own end')\n    sys.exit(7)\n"
        "signal.signal(signal.SIGTERM, on_term)\nprint('works')\ntime.sleep(30)\n"
    )
    host = start(program)
    wait_until(lambda: host.saying("works"))
    assert host.stop() == 7
    assert host.saying("own end")
