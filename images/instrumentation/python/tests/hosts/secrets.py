"""Each way in which a host hides a secret that is made at run time. The secret comes by stdin."""

import io
import json
import logging
import logging.config
import logging.handlers
import queue
import re
import sys

import structlog

SECRET = sys.stdin.readline().strip()
CASES = {}


def case(way):
    CASES[way.__name__] = way
    return way


def mask(text):
    return re.sub(r"acct-[0-9a-f]+", "***", text)


def masked(_logger, _method, event):
    return {key: mask(value) if isinstance(value, str) else value for key, value in event.items()}


def dropped(_logger, _method, event):
    event.pop("account", None)
    return event


@case
def structlog_if_not_configured():
    early = structlog.get_logger("early")
    assert not structlog.is_configured()
    assert type(structlog.get_config()["processors"][-1]).__name__ == "ConsoleRenderer"
    assert structlog.get_config()["processors"][0] is structlog.contextvars.merge_contextvars
    if not structlog.is_configured():
        structlog.configure(processors=[masked, structlog.dev.ConsoleRenderer()])
    early.info("structlog_if_not_configured", account=SECRET)
    structlog.get_logger().bind(account=SECRET).info("bound")


@case
def structlog_configure_once():
    structlog.configure_once(processors=[masked, structlog.processors.JSONRenderer()], cache_logger_on_first_use=True)
    structlog.get_logger().info("structlog_configure_once", account=SECRET)


@case
def structlog_context_that_is_dropped():
    chain = [structlog.contextvars.merge_contextvars, dropped]
    structlog.configure(processors=[*chain, structlog.dev.ConsoleRenderer()])
    with structlog.contextvars.bound_contextvars(account=SECRET, order="7"):
        structlog.get_logger().info("structlog_context_that_is_dropped")
        structlog.configure(processors=[*chain, structlog.processors.JSONRenderer()])
        structlog.get_logger().info("as json")
        print("printed")
        logging.warning("by logging")
    structlog.reset_defaults()
    assert not structlog.is_configured()


@case
def structlog_wrap_logger():
    log = structlog.wrap_logger(structlog.PrintLogger(), processors=[masked, structlog.processors.KeyValueRenderer()])
    log.info("structlog_wrap_logger", account=SECRET)


@case
def structlog_text_masked_behind_the_renderer():
    chain = [structlog.dev.ConsoleRenderer(colors=False), lambda _logger, _method, text: mask(text)]
    structlog.configure(processors=chain, logger_factory=structlog.WriteLoggerFactory())
    structlog.get_logger().info("structlog_text_masked_behind_the_renderer", account=SECRET)


@case
def structlog_column_that_hides():
    renderer = structlog.dev.ConsoleRenderer(
        columns=[structlog.dev.Column("", lambda key, value: mask(f"{key}={value}"))]
    )
    structlog.configure(processors=[renderer])
    structlog.get_logger().info("structlog_column_that_hides", account=SECRET)


@case
def structlog_renderer_subclass():
    class Renderer(structlog.dev.ConsoleRenderer):
        def __call__(self, logger, name, event):
            return mask(super().__call__(logger, name, event))

    structlog.configure(processors=[Renderer(colors=False)])
    structlog.get_logger().info("structlog_renderer_subclass", account=SECRET)


@case
def structlog_bytes():
    structlog.configure(
        processors=[
            masked,
            structlog.processors.JSONRenderer(serializer=lambda event, **_: json.dumps(event).encode()),
        ],
        logger_factory=structlog.BytesLoggerFactory(),
    )
    structlog.get_logger().info("structlog_bytes", account=SECRET)


@case
def structlog_by_logging():
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[structlog.contextvars.merge_contextvars, masked],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.dev.ConsoleRenderer(colors=False),
        ],
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(formatter)
    logging.basicConfig(handlers=[handler], level=logging.INFO, force=True)
    structlog.configure(
        processors=[masked, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
    )
    structlog.get_logger().info("structlog_by_logging", account=SECRET)
    logging.info("foreign %s", SECRET)


@case
def own_file_of_structlog():
    own = io.StringIO()
    structlog.configure(
        processors=[masked, structlog.dev.ConsoleRenderer(colors=False)],
        logger_factory=structlog.WriteLoggerFactory(own),
    )
    structlog.get_logger().info("here", n=1)
    assert own.getvalue().split() == ["here", "n=1"], own.getvalue()
    print("own_file_of_structlog")


class Masking(logging.Formatter):
    def format(self, record):
        return mask(super().format(record))


class HidingStack(logging.Formatter):
    def formatException(self, info):
        return "a stack"


class HandlerThatHides(logging.StreamHandler):
    def format(self, record):
        return mask(super().format(record))


class Filter(logging.Filter):
    def filter(self, record):
        record.msg, record.args = mask(record.getMessage()), None
        return True


def logged_by(handler, formatter=None):
    handler.setFormatter(formatter)
    logging.basicConfig(handlers=[handler], level=logging.INFO, force=True)


@case
def logging_formatter():
    logged_by(logging.StreamHandler(sys.stdout), Masking("%(asctime)s %(levelname)s %(message)s"))
    logging.info("logging_formatter %s", SECRET, extra={"account": SECRET})
    try:
        raise ValueError(SECRET)
    except ValueError:
        logging.exception("failed")


@case
def logging_formatter_of_stacks():
    logged_by(logging.StreamHandler(sys.stdout), HidingStack("%(message)s"))
    try:
        raise ValueError(SECRET)
    except ValueError:
        logging.exception("logging_formatter_of_stacks")


@case
def logging_layout_without_message():
    logged_by(logging.StreamHandler(sys.stdout), logging.Formatter("%(levelname)s logging_layout_without_message"))
    logging.info("%s", SECRET, extra={"account": SECRET})


@case
def logging_handler():
    logged_by(HandlerThatHides(sys.stdout))
    logging.info("logging_handler %s", SECRET)


@case
def logging_formatter_of_an_instance():
    formatter = logging.Formatter("%(message)s")
    formatter.format = lambda record: mask(record.getMessage())
    logged_by(logging.StreamHandler(sys.stderr), formatter)
    logging.info("logging_formatter_of_an_instance %s", SECRET)


@case
def logging_filter_by_dict_config():
    logging.config.dictConfig(
        {
            "version": 1,
            "filters": {"mask": {"()": Filter}},
            "handlers": {"h": {"class": "logging.StreamHandler", "filters": ["mask"], "stream": "ext://sys.stdout"}},
            "root": {"level": "INFO", "handlers": ["h"]},
        }
    )
    logging.info("logging_filter_by_dict_config %s", SECRET)


@case
def logging_adapter():
    class Adapter(logging.LoggerAdapter):
        def process(self, message, kwargs):
            return mask(message), kwargs

    logged_by(logging.StreamHandler(sys.stdout))
    Adapter(logging.getLogger("a"), {}).info(f"logging_adapter {SECRET}")


@case
def json_formatter():
    from pythonjsonlogger.json import JsonFormatter

    class Json(JsonFormatter):
        def process_log_record(self, fields):
            return {key: mask(value) if isinstance(value, str) else value for key, value in fields.items()}

    logged_by(logging.StreamHandler(sys.stdout), Json("%(levelname)s %(message)s"))
    logging.info("json_formatter %s", SECRET, extra={"account": SECRET})


@case
def queue_of_records():
    waiting = queue.Queue()
    handler = logging.handlers.QueueHandler(waiting)
    handler.setFormatter(Masking("%(message)s"))
    target = logging.StreamHandler(sys.stdout)
    listener = logging.handlers.QueueListener(waiting, target)
    logging.basicConfig(handlers=[handler], level=logging.INFO, force=True)
    listener.start()
    logging.info("queue_of_records %s", SECRET)
    try:
        raise ValueError(SECRET)
    except ValueError:
        logging.exception("failed")
    listener.stop()


@case
def rich_and_colorlog():
    import colorlog
    from rich.logging import RichHandler

    class Hiding(RichHandler):
        def render_message(self, record, message):
            return super().render_message(record, mask(message))

    logging.basicConfig(handlers=[Hiding()], level=logging.INFO, force=True)
    logging.info("rich_and_colorlog %s", SECRET)

    class Coloured(colorlog.ColoredFormatter):
        def format(self, record):
            return mask(super().format(record))

    logged_by(logging.StreamHandler(sys.stdout), Coloured("%(log_color)s%(message)s"))
    logging.info("coloured %s", SECRET)


@case
def loguru_patcher_filter_and_format():
    from loguru import logger

    logger.remove()

    def patch(record):
        record["message"] = mask(record["message"])

    logger.configure(handlers=[{"sink": sys.stdout}], patcher=patch)
    logger.info("loguru_patcher_filter_and_format {}", SECRET)
    logger.configure(handlers=[], patcher=lambda record: None)

    def filtered(record):
        patch(record)
        return True

    one = logger.add(sys.stderr, filter=filtered, serialize=True)
    logger.info("filtered {}", SECRET)
    logger.remove(one)

    def layout(record):
        record["extra"]["clean"] = mask(record["message"])
        return "{level} {extra[clean]}\n"

    one = logger.add(sys.stdout, format=layout)
    logger.bind(account=SECRET).info("laid out {}", SECRET)
    logger.remove(one)
    one = logger.add(sys.stdout, format="{extra[clean]}")
    logger.bind(clean="clean alone").info("{}", SECRET)
    logger.remove(one)

    def compute(account, divisor):
        return account / divisor

    one = logger.add(sys.stdout, diagnose=True, backtrace=True)
    try:
        compute(SECRET, 0)
    except TypeError:
        logger.exception("no values in stacks")
    logger.remove(one)


for name, way in CASES.items():
    way()
    print(f"done {name}")
    structlog.reset_defaults()
