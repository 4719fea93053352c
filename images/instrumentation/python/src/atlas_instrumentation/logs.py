"""Python's logging and the libraries beside it, all as the same lines, whatever the host configures and whenever it does."""

import logging
import sys
from typing import Any

import wrapt

from atlas_instrumentation import host_loguru, host_structlog, records, uncaught
from atlas_instrumentation.console import is_console, is_elsewhere, writes_to_console
from atlas_instrumentation.lines import Lines
from atlas_instrumentation.settings import Settings


def configure(settings: Settings, lines: Lines) -> None:
    """Take part in whatever the host configures, before it does."""
    _standard_library(settings, lines)
    host_structlog.take_part(settings)
    host_loguru.take_part(settings, lines)
    uncaught.show(lines)


def _standard_library(settings: Settings, lines: Lines) -> None:
    """Handlers that write to the console write our lines, whatever their format. Without any handler, the last resort does."""
    records.take_over_records()

    def emit(wrapped: Any, handler: logging.StreamHandler[Any], args: tuple[logging.LogRecord], kwargs: Any) -> None:
        if not writes_to_console(handler):
            wrapped(*args, **kwargs)
            return
        write(handler, args[0] if args else kwargs["record"])

    def emit_rich(wrapped: Any, handler: Any, args: tuple[logging.LogRecord], kwargs: Any) -> None:
        if type(handler).__module__ != "rich.logging" or not is_console(handler.console.file):
            wrapped(*args, **kwargs)
            return
        write(handler, args[0] if args else kwargs["record"])

    def write(handler: logging.Handler, record: logging.LogRecord) -> None:
        try:
            records.write(lines, record, handler)
        except RecursionError:
            raise
        except Exception:  # as logging itself does
            handler.handleError(record)

    wrapt.wrap_function_wrapper("logging", "StreamHandler.emit", emit)
    wrapt.register_post_import_hook(
        lambda module: wrapt.wrap_function_wrapper(module, "RichHandler.emit", emit_rich), "rich.logging"
    )
    wrapt.register_post_import_hook(
        lambda module: wrapt.wrap_function_wrapper(module, "QueueHandler.prepare", records.prepared), "logging.handlers"
    )

    pythons = logging.lastResort

    class LastResort(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if not is_elsewhere(sys.stderr):
                records.write(lines, record)
            elif pythons is not None and record.levelno >= pythons.level:
                pythons.handle(record)

    logging.lastResort = LastResort()  # type: ignore[assignment]
    root = logging.getLogger()
    root.setLevel(settings.level)
    if settings.level_is_given:
        # The environment's word counts, whatever the host's basicConfig says.
        chosen = root.setLevel
        root.setLevel = lambda level: chosen(settings.level)  # type: ignore[method-assign]


class Once(logging.Filter):
    """Lets each kind of message of a library through once in a process: an exporter tells every attempt."""

    def __init__(self) -> None:
        super().__init__()
        self._told: set[tuple[str, str]] = set()

    def filter(self, record: logging.LogRecord) -> bool:
        kind = (record.name, str(record.msg))
        if kind in self._told:
            return False
        self._told.add(kind)
        return True
