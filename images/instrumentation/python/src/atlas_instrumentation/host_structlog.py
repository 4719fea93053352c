"""structlog's settings stay the host's; what its renderers lay out for people's eyes becomes fields on the way out."""

import sys
from collections.abc import Callable
from typing import Any

import structlog
import wrapt
from structlog import _output

from atlas_instrumentation import bindings
from atlas_instrumentation.bindings import of_structlog
from atlas_instrumentation.console import KNOWN, Bytes, Console
from atlas_instrumentation.encoding import cut, shown
from atlas_instrumentation.errors import fields_of
from atlas_instrumentation.lines import Lines
from atlas_instrumentation.rendered import Rendered, remember
from atlas_instrumentation.settings import LEVELS, Settings

_RENDERERS = (structlog.dev.ConsoleRenderer, structlog.processors.KeyValueRenderer, structlog.processors.LogfmtRenderer)
_PROCESS = structlog._base.BoundLoggerBase._process_event.__code__
_FORMAT = structlog.stdlib.ProcessorFormatter.format.__code__


def take_part(settings: Settings) -> None:
    """structlog has been imported before the streams were replaced, and knows the old ones."""
    if isinstance(sys.stdout, Console):
        _output.stdout = sys.stdout
    if isinstance(sys.stderr, Console):
        _output.stderr = sys.stderr
    for renderer in _RENDERERS:
        renderer.__call__ = _rendering(renderer.__call__, settings.level)  # type: ignore[method-assign]
    KNOWN[Rendered] = _tell
    for factory in ("PrintLoggerFactory", "WriteLoggerFactory"):
        wrapt.wrap_function_wrapper("structlog", f"{factory}.__call__", _named)
    wrapt.wrap_function_wrapper("structlog", "BytesLogger.__init__", _bytes_of_text)
    wrapt.wrap_function_wrapper("structlog.stdlib", "ProcessorFormatter.__init__", _formatter_made)
    structlog.wrap_logger = wrapt.FunctionWrapper(structlog.wrap_logger, _wrapped)


def _rendering(rendered: Callable[..., Any], least: int) -> Any:
    def __call__(self: Any, logger: Any, name: str, event: Any) -> Any:
        frame = sys._getframe(1)
        code = frame.f_code
        if code is not _PROCESS and code is not _FORMAT:
            return rendered(self, logger, name, event)
        last = _last(frame.f_locals["self"], code)
        if last is not self or not _shows_all(self):
            return rendered(self, logger, name, event)
        fields = _fields(self, name, event)
        if code is _FORMAT:
            remember(fields)
            return rendered(self, logger, name, event)
        if not _goes_to_console(logger):
            # Handlers of logging take it from here, and files of the host's may be among them.
            return Rendered(rendered(self, logger, name, event), fields)
        if not structlog.is_configured() and LEVELS.get(name, least) < least:
            raise structlog.DropEvent
        fields.setdefault("logger", getattr(logger, "_atlas_name", None) or "structlog")
        return Rendered("", fields)

    return __call__


def _last(owner: Any, code: Any) -> Any:
    processors = owner._processors if code is _PROCESS else owner.processors
    return processors[-1] if isinstance(processors, (list, tuple)) else None


def _shows_all(renderer: Any) -> bool:
    """Whether each part of it is structlog's own. A host's column, or its representation of a value, may hide."""
    if type(renderer) not in _RENDERERS:
        return False
    columns = getattr(renderer, "_columns", ())
    parts = [getattr(renderer, name, None) for name in ("_repr", "_exception_formatter", "_default_column_formatter")]
    state = (*(id(getattr(part, "__func__", part)) for part in parts), *map(id, columns))
    judged = getattr(renderer, "_atlas_judged", None)
    if judged is not None and judged[0] == state:
        return judged[1]
    for column in columns:
        parts += [column.formatter, getattr(column.formatter, "value_repr", None)]
    shows = all(part is None or part is str or part is repr or of_structlog(part) for part in parts)
    renderer._atlas_judged = (state, shows)
    return shows


def _goes_to_console(logger: Any) -> bool:
    if not isinstance(logger, (structlog.PrintLogger, structlog.WriteLogger)):
        return False
    file = logger._file
    if file is _output.stdout and isinstance(logger, structlog.PrintLogger):
        file = sys.stdout  # as its `print` does
    return isinstance(file, Console) and not file.closed


def _fields(renderer: Any, name: str, event: Any) -> dict[str, Any]:
    """The event's, with our names for what every line has."""
    fields = {key: value for key, value in event.items() if key not in ("_record", "_from_structlog")}
    message = fields.pop(getattr(renderer, "_event_key", "event"), "")
    fields["message"] = message if isinstance(message, str) else cut(shown(message))
    fields.setdefault("level", "error" if name == "exception" else name)
    if not _has_zone(fields.get("timestamp")):
        fields.pop("timestamp", None)
    failure = fields.pop("exc_info", None)
    if failure is True:
        failure = sys.exc_info()
    if isinstance(failure, tuple) and len(failure) == 3:
        failure = failure[1]
    if isinstance(failure, BaseException):
        for key, value in fields_of(failure).items():
            fields.setdefault(key, value)
    return fields


def _has_zone(stamp: Any) -> bool:
    if not isinstance(stamp, str):
        return isinstance(stamp, (int, float))
    return len(stamp) >= 20 and stamp[10] in "T " and (stamp[-1] in "Zz" or stamp[-6] in "+-")


def _tell(text: Rendered, lines: Lines, logger: str) -> None:
    lines.complete(dict(text.fields), "info", logger)


def _named(wrapped: Any, _factory: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    logger = wrapped(*args, **kwargs)
    if args and isinstance(args[0], str):
        logger._atlas_name = args[0]
    return logger


def _bytes_of_text(wrapped: Any, logger: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    wrapped(*args, **kwargs)
    if isinstance(logger._file, Bytes):
        logger._write = logger._file.write_record


def _formatter_made(wrapped: Any, _formatter: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    wrapped(*args, **kwargs)
    bindings.judge(kwargs.get("foreign_pre_chain"))


def _wrapped(wrapped: Any, _instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    bindings.judge(args[1] if len(args) > 1 else kwargs.get("processors"))
    return wrapped(*args, **kwargs)
