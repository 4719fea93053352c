"""Records of Python's logging as lines, wherever they are written, with the ids of where they were made.

What a host's own formatter or handler hides appears nowhere: of a text that is its own work, only what stands in it is taken.
"""

import logging
import re
from collections.abc import Mapping
from typing import Any
from weakref import WeakKeyDictionary

from atlas_instrumentation.bindings import Origin, here
from atlas_instrumentation.encoding import shown
from atlas_instrumentation.errors import fields_of
from atlas_instrumentation.lines import Lines, loaded
from atlas_instrumentation.rendered import Rendered, formatted

PLAIN_MODULES = frozenset(
    {"logging", "celery.utils.log", "colorlog.formatter", "coloredlogs", "tornado.log", "uvicorn.logging"}
)
"""Whose formatters lay out a message and hide nothing of it."""
_STANDARD = frozenset(logging.LogRecord("", 0, "", 0, "", None, None).__dict__) | {
    "message",
    "asctime",
    "taskName",
    "color_message",  # uvicorn's
    "_logger",  # structlog's
    "_name",
}
"""Attributes that every record has; what a host adds by ``extra`` is none of them."""
_MESSAGE = re.compile(r"%\(message\)|\{message|\$\{?message")
_METHODS = ("format", "formatMessage", "formatException", "formatStack")
_plain: WeakKeyDictionary[Any, bool] = WeakKeyDictionary()
SIMPLE = (str, int, float, bool, type(None))


class Record(logging.LogRecord):
    """Knows where it was made, beside all that others see of it: hosts write a record's ``__dict__`` to files of their own."""

    __slots__ = ("_atlas_origin", "_atlas_told")

    def __init__(self, name: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(name, *args, **kwargs)
        # One without a name is made of another one's attributes.
        self._atlas_origin = None if name is None else here()
        self._atlas_told: dict[str, Any] | None = None
        """What a queue's handler has made one text of."""

    def __getstate__(self) -> Any:
        """For copies, and for processes that may not know this class: what is bound to us must keep none from being pickled."""
        origin = _origin(self)
        if origin is not None:
            bound = {name: value if type(value) in SIMPLE else shown(value) for name, value in origin.bound.items()}
            origin = (origin.ids, bound)
        return self.__dict__, {"_atlas_origin": origin, "_atlas_told": self._atlas_told}


def take_over_records() -> None:
    """All records are of our class, also those of a host's own class or factory that is made of logging's."""
    Record.__module__, Record.__qualname__, Record.__name__ = "logging", "LogRecord", "LogRecord"
    if logging.getLogRecordFactory() is logging.LogRecord:
        logging.setLogRecordFactory(Record)
    logging.LogRecord = Record


def prepared(wrapped: Any, handler: logging.Handler, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A queue's handler makes one text of message and stack: both are kept beside it, where nothing hides one of them."""
    record = args[0] if args else kwargs["record"]
    made = wrapped(*args, **kwargs)
    if isinstance(made, Record) and made is not record and is_plain(handler):
        try:
            made._atlas_told = _fields(record)
        except Exception:  # its message cannot be made: the text is all that there is
            made._atlas_told = None
    return made


def write(lines: Lines, record: logging.LogRecord, handler: logging.Handler | None = None) -> None:
    """``handler`` is the host's, whose formatter decides what is seen. A host that formats its own JSON keeps its fields."""
    origin = _origin(record)
    level = record.levelname.lower()
    if handler is not None and not is_plain(handler):
        text, fields = formatted(handler, record)
        if fields := fields or loaded(text):
            lines.complete(fields, level, record.name, origin)
        else:
            lines.write(level, record.name, *_seen(record, text), origin)
        return
    fields = _fields(record)
    message = fields.pop("message")
    if isinstance(message, str) and (own := loaded(message)):
        of_error = {key: value for key, value in fields.items() if key.startswith(("exception", "error"))}
        lines.complete(of_error | own, level, record.name, origin)
    else:
        lines.write(level, record.name, message, fields, origin)


def is_plain(handler: logging.Handler) -> bool:
    """Whether what is written there is a record's message and what belongs to it, in whatever order and colours."""
    if getattr(handler.format, "__module__", None) != "logging":
        return False
    formatter = handler.formatter
    if formatter is None:
        return True
    try:
        plain = _plain.get(formatter)
        if plain is None:
            plain = _plain[formatter] = _is_plain(formatter)
    except TypeError:  # one without a hash
        return _is_plain(formatter)
    return plain


def _is_plain(formatter: Any) -> bool:
    if any(getattr(getattr(formatter, name, None), "__module__", None) not in PLAIN_MODULES for name in _METHODS):
        return False
    if type(getattr(formatter, "_style", None)).__module__ not in PLAIN_MODULES:
        return False
    layout = getattr(formatter, "_fmt", None)
    return isinstance(layout, str) and bool(_MESSAGE.search(layout)) and not layout.lstrip().startswith('{"')


def _origin(record: logging.LogRecord) -> Origin | None:
    """None is here: nobody knows where it was made."""
    origin = getattr(record, "_atlas_origin", None)
    return Origin(*origin) if origin is not None else None


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    """The message, and all that came with it."""
    told = getattr(record, "_atlas_told", None)
    if told is not None:
        return dict(told)
    more = _extra(record)
    if record.exc_info and record.exc_info[1]:
        more |= fields_of(record.exc_info[1])
    elif record.exc_text:
        more["exception"] = record.exc_text
    if record.stack_info:
        more["stack"] = record.stack_info
    if isinstance(record.msg, Rendered):
        return {**more, **record.msg.fields}
    if isinstance(record.msg, dict):  # structlog, through logging
        more |= {key: value for key, value in record.msg.items() if not str(key).startswith("_")}
        more["message"] = more.pop("event", more.pop("message", ""))
    else:
        more["message"] = record.getMessage()
    return more


def _extra(record: logging.LogRecord) -> dict[str, Any]:
    return {key: value for key, value in record.__dict__.items() if key not in _STANDARD}


def _seen(record: logging.LogRecord, text: str) -> tuple[str, Mapping[str, Any]]:
    """Message and fields, as far as they stand in ``text``; the text itself where the message does not, or the stack."""
    try:
        fields = _fields(record)
    except Exception:  # a message that cannot be made is what the formatter was for
        return text, {}
    return seen(fields, text)


def seen(fields: dict[str, Any], text: str) -> tuple[str, Mapping[str, Any]]:
    """Of a record's ``fields`` those that stand in the ``text`` that a host made of it, word for word."""
    message, stack = fields.pop("message", ""), fields.get("exception")
    kept = {key: value for key, value in fields.items() if type(value) in SIMPLE and _stands(key, str(value), text)}
    if not isinstance(message, str) or not message or message not in text or (stack is not None and stack not in text):
        return text, kept
    if stack is not None:
        kept["exception"] = stack
    return message, kept


def _stands(key: str, word: str, text: str) -> bool:
    # A digit or two stand anywhere.
    return word in text and (len(word) > 2 or key in text)
