"""Traces by OpenTelemetry: a provider as the environment says, and the libraries' instrumentations when a host imports them."""

import importlib
import logging
import os
import threading
from collections.abc import Callable, Mapping
from typing import Any

import wrapt
from opentelemetry import context, propagate, trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_ON

from atlas_instrumentation import bus_rabbitmq, bus_redis, span_encoding
from atlas_instrumentation.edge import EdgePropagator, EdgeSampler
from atlas_instrumentation.handling import end_open
from atlas_instrumentation.important import ImportantTraces
from atlas_instrumentation.logs import Once
from atlas_instrumentation.orders import OrderSpans
from atlas_instrumentation.settings import Settings
from atlas_instrumentation.signals import for_others

LIBRARIES: Mapping[str, tuple[str, str]] = {
    "aiohttp": ("opentelemetry.instrumentation.aiohttp_client", "AioHttpClientInstrumentor"),
    "redis": ("opentelemetry.instrumentation.redis", "RedisInstrumentor"),
    "aio_pika": ("opentelemetry.instrumentation.aio_pika", "AioPikaInstrumentor"),
    "asyncpg": ("opentelemetry.instrumentation.asyncpg", "AsyncPGInstrumentor"),
    "psycopg": ("opentelemetry.instrumentation.psycopg", "PsycopgInstrumentor"),
}
"""Module, and what instruments it once it has been imported. A library that the host lacks is never looked for."""
FLUSH_MILLISECONDS = 3000
QUEUE_LOGGER = "opentelemetry.sdk._shared_internal"
logger = logging.getLogger(__name__)


def configure(settings: Settings) -> None:
    """Without OTEL_EXPORTER_OTLP_ENDPOINT there are ids and context, and nothing is sent."""
    # The stable names (http.request.method), which the platform's span metrics and Node's packages have.
    os.environ.setdefault("OTEL_SEMCONV_STABILITY_OPT_IN", "http")
    _quieten()
    # What its own shutdown would do at exit, `flush` does, and within its time.
    provider = TracerProvider(resource=Resource.create({"service.name": settings.service}), shutdown_on_exit=False)
    # The gateway decides what is kept, and no caller: all is sampled, unless the environment names another sampler.
    provider.sampler = EdgeSampler(provider.sampler if os.environ.get("OTEL_TRACES_SAMPLER", "").strip() else ALWAYS_ON)
    propagate.set_global_textmap(EdgePropagator(propagate.get_global_textmap()))
    if settings.important:
        provider.sampler = ImportantTraces(provider.sampler, settings.important, settings.order_spans)
    provider.add_span_processor(OrderSpans(settings.order_spans))
    trace.set_tracer_provider(provider)
    for module, (package, name) in LIBRARIES.items():
        wrapt.register_post_import_hook(_instrument(package, name), module)
    for module, work in (
        ("aio_pika", bus_rabbitmq.instrument),
        ("opentelemetry.instrumentation.aio_pika.span_builder", bus_rabbitmq.name_topics),
        *([("redis", bus_redis.instrument)] if settings.redis_envelope else []),
    ):
        wrapt.register_post_import_hook(_harmless(work), module)
    _continue_callers_trace(os.environ)
    if endpoint():
        exporter = _exporter()
        with for_others():
            provider.add_span_processor(BatchSpanProcessor(exporter))


def endpoint() -> str | None:
    return os.environ.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") or os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT")


def by_http() -> bool:
    """Whether OTLP goes by HTTP, and not by gRPC."""
    return os.environ.get("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc").startswith("http")


def flush() -> None:
    """Send what waits, as far as somebody takes it within FLUSH_MILLISECONDS: the SDK itself heeds no time."""
    provider = trace.get_tracer_provider()
    if not isinstance(provider, TracerProvider):
        return

    def send() -> None:
        end_open()
        provider.force_flush()

    sending = threading.Thread(target=send, daemon=True)
    try:
        sending.start()
    except RuntimeError:  # from Python 3.12 on no thread begins while the interpreter ends
        send()
    else:
        sending.join(FLUSH_MILLISECONDS / 1000)


def _exporter() -> SpanExporter:
    if by_http():
        from opentelemetry.exporter.otlp.proto.http import trace_exporter as exporter
    else:
        from opentelemetry.exporter.otlp.proto.grpc import trace_exporter as exporter
    exporter.encode_spans = span_encoding.encode
    return exporter.OTLPSpanExporter()


def _instrument(package: str, name: str) -> Any:
    def on_import(_module: object) -> None:
        try:
            getattr(importlib.import_module(package), name)().instrument()
        except Exception as error:  # a library's version that it does not know, or anything else
            logger.warning("%s is not traced: %s: %s", package, type(error).__name__, error)

    return on_import


def _harmless(work: Callable[[Any], None]) -> Callable[[Any], None]:
    """An import of the host's that succeeds whatever we make of the library's version."""

    def on_import(module: Any) -> None:
        try:
            work(module)
        except Exception as error:
            logger.warning(
                "%s %s: not all of its messages carry a trace: %s: %s",
                module.__name__,
                getattr(module, "__version__", "of an unknown version"),
                type(error).__name__,
                error,
            )

    return on_import


def _continue_callers_trace(environment: Mapping[str, str]) -> None:
    """A job that was started within a trace belongs to it: TRACEPARENT, as in a request's header."""
    carrier = {name.lower(): environment[name] for name in ("TRACEPARENT", "TRACESTATE") if name in environment}
    if carrier:
        context.attach(propagate.extract(carrier))


def _quieten() -> None:
    """An exporter that reaches nobody says so once."""
    once = Once()
    for name in (
        "opentelemetry.exporter.otlp.proto.grpc.exporter",
        "opentelemetry.exporter.otlp.proto.http.trace_exporter",
        "opentelemetry.exporter.otlp.proto.http.metric_exporter",
        QUEUE_LOGGER,
        "opentelemetry.sdk.trace.export",
        "opentelemetry.sdk.metrics._internal.export",
    ):
        logging.getLogger(name).addFilter(once)
    logging.getLogger(QUEUE_LOGGER).addFilter(_warn_no_more)


def _warn_no_more(record: logging.LogRecord) -> bool:
    """A full queue is told for each span that it drops: a record that nobody sees costs more than half a span."""
    if record.levelno == logging.WARNING:
        logging.getLogger(record.name).setLevel(logging.ERROR)
    return True
