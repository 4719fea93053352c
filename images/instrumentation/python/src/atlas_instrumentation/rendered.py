"""What structlog's renderers lay out for people's eyes, with the fields that it was made of."""

import logging
import threading
from typing import Any

_formatter = threading.local()


class Rendered(str):
    """A text that structlog made of ``fields``, of which "message" is one."""

    fields: dict[str, Any]

    def __new__(cls, text: str, fields: dict[str, Any]) -> "Rendered":
        made = super().__new__(cls, text)
        made.fields = fields
        return made

    def __reduce__(self) -> Any:
        return str, (str.__str__(self),)

    def __str__(self) -> str:
        """So that ``print`` hands it on as it is."""
        return self

    def __add__(self, more: str) -> str:
        """A line end belongs to no text."""
        text = super().__add__(more)
        return Rendered(text, self.fields) if more == "\n" else text


def remember(fields: dict[str, Any]) -> None:
    """Of what a formatter of structlog's makes in this thread, which keeps the text alone."""
    _formatter.fields = fields


def formatted(handler: logging.Handler, record: logging.LogRecord) -> tuple[str, dict[str, Any] | None]:
    """What a handler's formatter makes of a record, and its fields where structlog lays it out."""
    _formatter.fields = None
    text = handler.format(record)
    fields = _formatter.fields
    # One of the host's own may have changed the text.
    own = getattr(handler.formatter, "format", None)
    return text, fields if getattr(own, "__module__", None) == "structlog.stdlib" else None
