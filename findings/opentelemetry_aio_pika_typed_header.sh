#!/usr/bin/env bash
# Headers of AMQP have types, and opentelemetry-instrumentation-aio-pika 0.66b1 hands them to W3C propagators as they are, which take texts.
# A message whose header `baggage` is a number raises in the consumer, in front of its own callback: the service never sees the message, and
# whoever may publish decides that. One would expect the header to be left out.
#
# The broker is left out: the message is made as aiormq hands it over. Needs Python 3.11 with venv and PyPI. Fails if this changes.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip --quiet --disable-pip-version-check install aio-pika==9.6.2 opentelemetry-api==1.45.1 opentelemetry-instrumentation-aio-pika==0.66b1

cat >consume.py <<'PY'
import asyncio
from types import SimpleNamespace

from aio_pika import IncomingMessage
from aiormq.abc import DeliveredMessage
from opentelemetry import trace
from opentelemetry.instrumentation.aio_pika.callback_decorator import CallbackDecorator
from pamqp.commands import Basic
from pamqp.header import ContentHeader
from yarl import URL

url = URL("amqp://localhost:5672/")
connection = SimpleNamespace(url=url, connection=SimpleNamespace(url=url))
queue = SimpleNamespace(name="orders", channel=SimpleNamespace(connection=connection))


async def handle(message: IncomingMessage) -> None:
    print("handled", dict(message.headers))


async def main() -> None:
    consume = CallbackDecorator(trace.get_tracer("finding"), queue).decorate(handle)
    for headers in ({"desk": 5}, {"baggage": 5}):
        deliver = Basic.Deliver(exchange="", routing_key="orders", delivery_tag=1, consumer_tag="finding")
        header = ContentHeader(properties=Basic.Properties(headers=headers))
        try:
            await consume(IncomingMessage(DeliveredMessage(delivery=deliver, header=header, body=b"{}", channel=None)))
        except Exception as error:
            print("not handled", headers, type(error).__name__)


asyncio.run(main())
PY
found=$(venv/bin/python consume.py)

echo "$found"
[[ $found == $'handled {\'desk\': 5}\nnot handled {\'baggage\': 5} AttributeError' ]]
