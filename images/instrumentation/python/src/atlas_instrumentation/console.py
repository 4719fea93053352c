"""``print`` and all else that a host writes to stdout and stderr: a record for each line, or for several that belong together."""

import io
import logging
import os
import sys
import threading
import traceback
from collections.abc import Callable
from typing import Any, TextIO

import wrapt

from atlas_instrumentation.lines import Lines, loaded
from atlas_instrumentation.pending import GROUP, Pending, begins_stack, last_words

Teller = Callable[[Any, Lines, str], None]
KNOWN: dict[type, Teller] = {}
"""Kinds of text that a logging library writes and that carry their fields with them, and what writes these."""
_DEVICES = frozenset(
    f"{folder}{name}" for folder in ("/dev/std", "/proc/self/fd/", "/dev/fd/") for name in ("out", "err", 1, 2)
)


class Console(io.TextIOWrapper):
    """Stands in for one of the two streams. What several writes put together is one record when it ends with a newline.

    ``print("a\\nb")`` is one record. A traceback, which is printed line by line, is one as well.
    In all else it is what it replaces.
    """

    def __init__(self, lines: Lines, original: TextIO, level: str, logger: str) -> None:
        self._lines = lines
        self._level = level
        self._logger = logger
        self._pending: dict[int, Pending] = {}
        """By thread. What one that is gone has begun, goes on with the next of its number."""
        self._over = False
        # It is never closed: the descriptor would be with it.
        self._original = original
        self.bytes = Bytes(original.buffer, self)
        super().__init__(
            self.bytes,
            encoding="utf-8",
            errors="backslashreplace",
            line_buffering=bool(original.line_buffering),
            write_through=getattr(original, "write_through", False),
        )
        self.mode = getattr(original, "mode", "w")  # type: ignore[misc,assignment]
        # What the parent has begun is the parent's to end.
        os.register_at_fork(after_in_child=self._pending.clear)

    def isatty(self) -> bool:
        """Nobody sees colours in a record."""
        if self.closed:
            raise ValueError("I/O operation on closed file.")
        return False

    def write(self, text: str) -> int:
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        if self.closed:
            raise ValueError("I/O operation on closed file.")
        if type(text) is not str and (teller := KNOWN.get(type(text))):
            teller(text, self._lines, self._logger)
        else:
            self.take(text)
        return len(text)

    def flush(self) -> None:
        """Does not end a record: hosts flush in the middle of a line. The end of the process does."""
        super().flush()

    def detach(self) -> Any:
        self.finish()
        self._over = False
        return super().detach()

    def close(self) -> None:
        self.finish()
        super().close()

    def take(self, text: str) -> None:
        """Text of the host's, whole lines or parts of one."""
        if not text:
            return
        me = threading.get_ident()
        pending = self._pending.get(me)
        if pending is None:
            if self._over or (text.endswith("\n") and not begins_stack(text)):
                self._record(text)
                return
            pending = self._pending[me] = Pending(text)
        else:
            pending.add(text)
        if pending.whole:
            del self._pending[me]
            self._record(pending.text())

    def finish(self) -> None:
        """Write what has been begun. What comes later is not waited for."""
        for stream in (sys.stdout, sys.stderr):
            if is_around(stream, self.bytes):
                stream.flush()
        self._over = True
        for me in list(self._pending):
            if pending := self._pending.pop(me, None):
                self._record(pending.text())

    def _record(self, text: str) -> None:
        if self.bytes.waiting:
            self.bytes.flush()
        for part in _parts(text):
            if fields := loaded(part):
                self._lines.complete(fields, self._level, self._logger)
            elif begins_stack(part):
                self._lines.write("error", self._logger, last_words(part), {"exception": part.strip("\n")})
            else:
                self._lines.write(self._level, self._logger, part)


class Bytes(io.BufferedWriter):
    """The stream's bytes, which pass as they are, unless the host has put a text stream of its own around them."""

    def __init__(self, original: Any, console: Console) -> None:
        raw = getattr(original, "raw", original)
        super().__init__(raw)
        self._console = console
        self._at_once = raw is original
        self.waiting = False

    def write(self, data: Any) -> int:
        around = next((each for each in (sys.stdout, sys.stderr) if is_around(each, self)), None)
        if around is None:
            return self.write_as_is(data)
        try:
            text = bytes(data).decode(getattr(around, "encoding", None) or "utf-8")
        except (LookupError, ValueError):
            return self.write_as_is(data)
        *rows, rest = text.split("\n")
        for row in rows:
            self._console.take(row + "\n")
        if rest:
            self._console.take(rest)
        return len(data)

    def write_as_is(self, data: Any) -> int:
        written = super().write(data)
        self.waiting = not self._at_once
        if self._at_once:
            super().flush()
        return written

    def write_record(self, data: bytes) -> int:
        """What is known to be text: a line, or one object in JSON."""
        self._console.take(bytes(data).decode("utf-8", "backslashreplace"))
        return len(data)

    def flush(self) -> None:
        self.waiting = False
        super().flush()


def is_around(stream: Any, inner: Bytes) -> bool:
    """Whether a host's own stream writes to our bytes: ``io.TextIOWrapper``, or ``codecs.StreamWriter``."""
    if isinstance(stream, Console):
        return False
    try:
        return getattr(stream, "buffer", None) is inner or getattr(stream, "stream", None) is inner
    except ValueError:  # detached
        return False


def is_console(stream: Any) -> bool:
    """Whether what is written there is ours to write as records."""
    if isinstance(stream, Console):
        return True
    try:
        inner = getattr(stream, "buffer", None) or getattr(stream, "stream", None)
    except ValueError:  # detached
        return False
    return isinstance(inner, (Bytes, Console)) and not getattr(inner, "closed", False)


def is_elsewhere(stream: Any) -> bool:
    """Whether a host has put a stream of its own in the place of ours, for a while or for good."""
    return stream is not None and not is_console(stream)


def writes_to_console(handler: logging.StreamHandler[Any]) -> bool:
    return is_console(handler.stream) or getattr(handler, "baseFilename", None) in _DEVICES


def _parts(text: str) -> list[str]:
    """Several JSON objects in one write are several records; any other text is one. Blank text is none."""
    whole = text.strip("\r\n")
    if whole.startswith("{") and "\n" in whole:
        rows = whole.split("\n")
        if all(row.startswith("{") for row in rows):
            return rows
    if whole.startswith(GROUP.lstrip()):
        return [whole]
    return [whole] if whole and not whole.isspace() else []


def take_over(lines: Lines) -> list[Console]:
    """Replace both streams."""
    taken: list[Console] = []
    for name, level in (("stdout", "info"), ("stderr", "warning")):
        original = getattr(sys, name)
        if not isinstance(original, io.TextIOWrapper):  # closed, or replaced by another before
            continue
        original.flush()
        console = Console(lines, original, level, name)
        setattr(sys, name, console)
        # Hosts go back to it when they have replaced the other one for a while.
        setattr(sys, f"__{name}__", console)
        taken.append(console)
    wrapt.wrap_function_wrapper("traceback", "TracebackException.print", _print_at_once)
    return taken


def _print_at_once(wrapped: Any, stack: traceback.TracebackException, args: Any, kwargs: dict[str, Any]) -> None:
    """A traceback that is printed to the console is one text, and not each of its lines for itself."""
    file = kwargs.get("file") or sys.stderr
    if not isinstance(file, Console):
        wrapped(*args, **kwargs)
        return
    whole = io.StringIO()
    wrapped(*args, **{**kwargs, "file": whole})
    file.write(whole.getvalue())
