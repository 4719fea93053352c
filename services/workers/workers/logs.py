"""JSON lines on stdout: structlog for our own, and the same form for what the libraries log."""

import logging
import sys

import structlog

_COMMON = [
    structlog.contextvars.merge_contextvars,
    lambda _logger, _method, event: {"service": "workers", **event},
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True, key="timestamp"),
    structlog.processors.format_exc_info,
    structlog.processors.EventRenamer("message"),
]


def configure(level: str) -> None:
    """``level`` is one of Python's, in any case; an unknown one means ``info``, and is told."""
    number = logging.getLevelNamesMapping().get(level.upper())
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_COMMON,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(default=str),
            ],
        )
    )
    logging.basicConfig(level=number or logging.INFO, handlers=[handler], force=True)
    # They tell every attempt to reconnect; the bus tells that it is lost and that it is back.
    for library in ("aio_pika", "aiormq"):
        logging.getLogger(library).setLevel(logging.CRITICAL)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_COMMON,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    if number is None:
        structlog.get_logger(__name__).warning("unknown_log_level", found=level, used="info")
