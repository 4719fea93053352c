"""Python's logging, structlog, warnings and uncaught exceptions, all as the same lines."""

import logging
import sys
import threading
import traceback
import warnings
from collections.abc import Iterable
from types import TracebackType
from typing import Any

import structlog
import wrapt

from atlas_instrumentation.console import Console
from atlas_instrumentation.lines import Lines, loaded
from atlas_instrumentation.settings import Settings

_PLAIN = frozenset(logging.LogRecord("", 0, "", 0, "", None, None).__dict__) | {
    "message",
    "asctime",
    "taskName",
    "color_message",
}
"""Attributes that every record has; what a host adds by ``extra`` is none of them."""
_TO_TEXT = ("ConsoleRenderer", "KeyValueRenderer", "LogfmtRenderer")


def configure(settings: Settings, lines: Lines, consoles: Iterable[Console]) -> None:
    """Take part in whatever the host configures, before it does."""
    streams = {id(each) for each in consoles} | {id(sys.__stdout__), id(sys.__stderr__)}
    _standard_library(settings, lines, streams)
    _structlog(settings, lines)
    _uncaught(lines)
    _warnings(lines)


def _standard_library(settings: Settings, lines: Lines, streams: set[int]) -> None:
    """Handlers that write to the console write our lines, whatever their format. Without any handler, the last resort does."""

    def emit(wrapped: Any, handler: logging.StreamHandler[Any], args: tuple[logging.LogRecord], kwargs: Any) -> None:
        record = args[0] if args else kwargs["record"]
        if id(handler.stream) not in streams:
            wrapped(*args, **kwargs)
            return
        try:
            write_record(lines, record, handler.format(record) if _may_give_json(handler.formatter) else None)
        except RecursionError:
            raise
        except Exception:  # as logging itself does
            handler.handleError(record)

    wrapt.wrap_function_wrapper("logging", "StreamHandler.emit", emit)

    class LastResort(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            write_record(lines, record, None)

    logging.lastResort = LastResort()  # type: ignore[assignment]
    root = logging.getLogger()
    root.setLevel(settings.level)
    if settings.level_is_given:
        # The environment's word counts, whatever the host's basicConfig says.
        chosen = root.setLevel
        root.setLevel = lambda level: chosen(settings.level)  # type: ignore[method-assign]


def _may_give_json(formatter: logging.Formatter | None) -> bool:
    """Not Python's own with a text before or around the message: then its work can be spared."""
    if formatter is None:
        return False
    return type(formatter) is not logging.Formatter or (formatter._fmt or "").lstrip().startswith(
        ("{", "%(message)s", "$")
    )


def write_record(lines: Lines, record: logging.LogRecord, formatted: str | None) -> None:
    """A record as a line. A host that formats its own JSON keeps its fields."""
    level = record.levelname.lower()
    if formatted and (fields := loaded(formatted)):
        lines.complete(fields, level, record.name)
        return
    more = {key: value for key, value in record.__dict__.items() if key not in _PLAIN}
    if record.exc_info and record.exc_info[1]:
        more["exception"] = text_of(record.exc_info[1])
    elif record.exc_text:
        more["exception"] = record.exc_text
    if record.stack_info:
        more["stack"] = record.stack_info
    if isinstance(record.msg, dict):  # structlog, through logging
        more |= {key: value for key, value in record.msg.items() if not key.startswith("_")}
        message = more.pop("event", more.pop("message", ""))
    else:
        message = record.getMessage()
    lines.write(level, record.name, message, more)


def _structlog(settings: Settings, lines: Lines) -> None:
    """structlog unconfigured writes our lines; where a host configures it for people's eyes, its last processor becomes ours."""

    class Logger:
        """Takes the finished fields, or what a host's own last processor has made of them."""

        def __init__(self, *arguments: Any) -> None:
            self._name = arguments[0] if arguments else ""

        def msg(self, *finished: Any, **fields: Any) -> None:
            text = " ".join(str(each) for each in finished)
            whole = loaded(text) if finished else fields
            lines.complete({"message": text, **fields} if whole is None else whole, "info", self._name)

        debug = info = warning = warn = error = exception = critical = fatal = log = msg

    def as_fields(_logger: Any, _method: str, event: Any) -> tuple[tuple[()], dict[str, Any]]:
        return (), dict(event)

    ours = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        as_fields,
    ]
    wrapper = structlog.make_filtering_bound_logger(settings.level)
    structlog.configure(processors=ours, wrapper_class=wrapper, logger_factory=Logger)

    def configured(wrapped: Any, _instance: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        processors = list(kwargs.get("processors") or ())
        if processors and type(processors[-1]).__name__ in _TO_TEXT:
            kwargs["processors"] = [*processors[:-1], structlog.processors.format_exc_info, as_fields]
            kwargs["logger_factory"] = Logger
        return wrapped(*args, **kwargs)

    structlog.configure = wrapt.FunctionWrapper(structlog.configure, configured)


def _warnings(lines: Lines) -> None:
    """Not by logging, which swallows them where a host has no handler."""
    shown = warnings.showwarning

    def show(
        message: Any, category: type[Warning], filename: str, lineno: int, file: Any = None, line: Any = None
    ) -> None:
        if file is not None:
            shown(message, category, filename, lineno, file, line)
            return
        lines.write("warning", "py.warnings", f"{category.__name__}: {message}", {"file": filename, "line": lineno})

    warnings.showwarning = show


def _uncaught(lines: Lines) -> None:
    """What ends the process, or a thread, is a line before it does; the exit code stays Python's."""
    before = sys.excepthook

    def of_process(kind: type[BaseException], error: BaseException, trail: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            before(kind, error, trail)
            return
        lines.write("critical", "uncaught", f"{kind.__name__}: {error}", {"exception": text_of(error)})

    def of_thread(args: threading.ExceptHookArgs) -> None:
        if args.exc_value is None or issubclass(args.exc_type, SystemExit):
            return
        name = args.thread.name if args.thread else "thread"
        what = f"{args.exc_type.__name__}: {args.exc_value}"
        lines.write("error", "uncaught", what, {"exception": text_of(args.exc_value), "thread": name})

    def of_nobody(args: Any) -> None:
        what = args.err_msg or "exception that nobody can handle"
        more = {"exception": text_of(args.exc_value)} if args.exc_value else {}
        lines.write("warning", "uncaught", f"{what}: {args.object!r}", more)

    sys.excepthook, threading.excepthook, sys.unraisablehook = of_process, of_thread, of_nobody


def text_of(error: BaseException) -> str:
    """The stack, as Python prints it."""
    return "".join(traceback.format_exception(error)).rstrip("\n")


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
