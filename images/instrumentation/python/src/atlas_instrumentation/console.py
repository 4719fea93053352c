"""``print`` and all else that a host writes to stdout and stderr: a record for each line, or for several that belong together."""

import io
import re
import sys
import threading
from typing import Any, TextIO

from atlas_instrumentation.lines import Lines, loaded

_TRACEBACK = "Traceback (most recent call last):"
_CHAINED = re.compile(r"\n\n(The above exception was|During handling of the above)")
LARGEST = 256 * 1024
"""Characters without a newline after which a record is written all the same."""


class Console(io.TextIOBase):
    """Stands in for one of the two streams. What several writes put together is one record when it ends with a newline.

    ``print("a\\nb")`` is one record. A traceback, which is printed line by line, is one as well.
    """

    def __init__(self, lines: Lines, original: TextIO, level: str, logger: str) -> None:
        self._lines = lines
        self._original = original
        self._level = level
        self._logger = logger
        self._pending = threading.local()

    # What hosts ask of a stream.
    encoding = "utf-8"
    errors = "backslashreplace"

    @property
    def buffer(self) -> Any:
        """Bytes are nobody's log: they pass as they are."""
        return self._original.buffer

    @property
    def name(self) -> str:
        return self._original.name

    def fileno(self) -> int:
        return self._original.fileno()

    def isatty(self) -> bool:
        return False

    def writable(self) -> bool:
        return True

    def reconfigure(self, **_: Any) -> None:
        """Lines are written at once and in UTF-8 anyway."""

    def write(self, text: str) -> int:
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        pending = getattr(self._pending, "text", "") + text
        if (pending.endswith("\n") and not _is_begun(pending)) or len(pending) > LARGEST:
            self._pending.text = ""
            self._record(pending)
        else:
            self._pending.text = pending
        return len(text)

    def flush(self) -> None:
        """Does not end a record: hosts flush in the middle of a line. The end of the process does."""

    def finish(self) -> None:
        """Write what this thread has begun."""
        pending = getattr(self._pending, "text", "")
        self._pending.text = ""
        if pending:
            self._record(pending)

    def _record(self, text: str) -> None:
        for part in _parts(text):
            if fields := loaded(part):
                self._lines.complete(fields, self._level, self._logger)
            elif part.startswith(_TRACEBACK):
                message = part.rstrip().rpartition("\n")[2]
                self._lines.write("error", self._logger, message, {"exception": part})
            else:
                self._lines.write(self._level, self._logger, part)


def _parts(text: str) -> list[str]:
    """Several JSON objects in one write are several records; any other text is one. Blank text is none."""
    rows = text.strip("\n").split("\n")
    if len(rows) > 1 and all(row.startswith("{") for row in rows):
        return rows
    whole = text.strip("\n")
    return [whole] if whole.strip() else []


def _is_begun(text: str) -> bool:
    """Whether this is a traceback whose end has not come: its last line is the exception's, which is not indented."""
    if not text.startswith(_TRACEBACK):
        return False
    last = text.rstrip("\n").rpartition("\n")[2]
    return last == _TRACEBACK or last.startswith(" ") or bool(_CHAINED.search(text) and last.endswith(":"))


def take_over(lines: Lines) -> list[Console]:
    """Replace both streams."""
    taken: list[Console] = []
    for name, level in (("stdout", "info"), ("stderr", "warning")):
        original = getattr(sys, name)
        if original is None:
            continue
        console = Console(lines, original, level, name)
        setattr(sys, name, console)
        taken.append(console)
    return taken
