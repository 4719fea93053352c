"""loguru: what it writes to the console are lines with its fields. All else of it, files too, stays as it is.

Variables' values, which its ``diagnose`` prints into stacks, are in no line: they are what others sent, and credentials.
"""

from typing import Any

import wrapt

from atlas_instrumentation.bindings import Origin, here
from atlas_instrumentation.console import KNOWN, is_console
from atlas_instrumentation.encoding import shown
from atlas_instrumentation.errors import fields_of
from atlas_instrumentation.lines import Lines, loaded
from atlas_instrumentation.records import SIMPLE, seen
from atlas_instrumentation.settings import Settings

_ORIGIN, _ERROR = "_atlas_origin", "_atlas_error"
"""Names in a record of loguru's, beside its own."""


def take_part(settings: Settings, lines: Lines) -> None:
    """Before loguru adds its first sink, which it does when it is imported."""

    def on_import(module: Any) -> None:
        def add(wrapped: Any, _logger: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            sink = args[0] if args else kwargs.get("sink")
            if not is_console(sink):
                return wrapped(*args, **kwargs)
            layout = kwargs.get("format", "{message}")
            plain = isinstance(layout, str) and "{message" in layout
            kwargs = {**kwargs, "sink": Sink(sink, lines, plain=plain), "diagnose": False}
            if settings.level_is_given:
                kwargs["level"] = settings.level
            return wrapped(**kwargs)

        wrapt.wrap_function_wrapper(module, "Logger.add", add)

    def on_handlers(module: Any) -> None:
        wrapt.wrap_function_wrapper(module, "Handler.emit", _emit)
        # By `logger.add(sys.stdout.write)`, whose layout is not known here.
        KNOWN[module.Message] = lambda message, lines, _logger: Sink(None, lines, plain=False).write(message)

    wrapt.register_post_import_hook(on_import, "loguru._logger")
    wrapt.register_post_import_hook(on_handlers, "loguru._handler")


class Sink:
    """Stands in for a stream of the console that a host has added."""

    def __init__(self, stream: Any, lines: Lines, *, plain: bool) -> None:
        """``plain`` is a layout that a message passes whole: nothing of a record is hidden by it."""
        self._stream = stream
        self._lines = lines
        self._plain = plain
        self.name = getattr(stream, "name", "console")
        self.encoding = "utf-8"

    def isatty(self) -> bool:
        return False

    def write(self, message: Any) -> None:
        record = message.record
        level, logger = record["level"].name.lower(), record["name"] or "loguru"
        origin = Origin(*record[_ORIGIN]) if _ORIGIN in record else None
        text = str(message).rstrip("\n")
        if not self._plain and (own := loaded(text)):
            self._lines.complete(own, level, logger, origin)
            return
        fields = dict(record["extra"])
        fields["message"] = record["message"].rstrip("\n")
        fields |= record[_ERROR] if _ERROR in record else _of_error(record)
        if self._plain:
            self._lines.write(level, logger, fields.pop("message"), fields, origin)
        else:
            self._lines.write(level, logger, *seen(fields, text), origin)

    def flush(self) -> None:
        """Lines are written at once."""


def _of_error(record: Any) -> dict[str, Any]:
    failure = record["exception"]
    return fields_of(failure.value) if failure is not None and isinstance(failure.value, BaseException) else {}


def _emit(wrapped: Any, handler: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What is written by another thread, or process, knows where it was made."""
    if handler._enqueue and isinstance(getattr(handler._sink, "_stream", None), Sink):
        record = args[0] if args else kwargs["record"]
        origin = here()
        bound = {name: value if type(value) in SIMPLE else shown(value) for name, value in origin.bound.items()}
        # On its way, an exception loses its stack.
        record = {**record, _ORIGIN: (origin.ids, bound), _ERROR: _of_error(record)}
        if args:
            args = (record, *args[1:])
        else:
            kwargs = {**kwargs, "record": record}
    return wrapped(*args, **kwargs)
