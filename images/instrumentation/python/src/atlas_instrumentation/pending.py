"""Text that has been begun and has no end yet, put together in time that grows with its length alone."""

from atlas_instrumentation.encoding import LARGEST_LINE

STACK = "Traceback (most recent call last):"
GROUP = "  + Exception Group Traceback (most recent call last):"
_CHAINS = ("The above exception was the direct cause of", "During handling of the above exception")
_BEGINS = (STACK, GROUP, *_CHAINS)
_LONGEST_ROW = 256
"""Characters of a stack's line that are looked at."""


class Pending:
    """Pieces of a line, or lines of a stack. What is beyond LARGEST_LINE characters is counted and not kept."""

    __slots__ = ("_lost", "_pieces", "_row", "_size", "_stack", "whole")

    def __init__(self, text: str) -> None:
        self._pieces: list[str] = []
        self._size = 0
        self._lost = 0
        self._stack = begins_stack(text)
        self._row = ""
        self.whole = False
        """Whether its end has come."""
        self.add(text)

    def add(self, text: str) -> None:
        if not self._stack and self._pieces and self._overwrites(text):
            self._pieces.clear()
            self._size = self._lost = 0
        kept = text[: LARGEST_LINE - self._size]
        self._pieces.append(kept)
        self._size += len(kept)
        self._lost += len(text) - len(kept)
        if self._stack:
            self.whole = self._ends_stack(text) or self._size >= LARGEST_LINE
        else:
            self.whole = text.endswith("\n")

    def text(self) -> str:
        """All of it."""
        return "".join(self._pieces) + (f"… {self._lost} characters cut" if self._lost else "")

    def _overwrites(self, text: str) -> bool:
        """A progress bar goes back to where its line began, and writes it anew."""
        if text.startswith("\r"):
            return not text.startswith("\r\n")
        return self._pieces[-1].endswith("\r") and not text.startswith("\n")

    def _ends_stack(self, text: str) -> bool:
        """The last line of a stack is the exception's, which is not indented."""
        _before, newline, row = text.rstrip("\n").rpartition("\n")
        self._row = (row if newline else self._row + row)[:_LONGEST_ROW]
        if not text.endswith("\n"):
            return False
        row, self._row = self._row, ""
        if row.strip().startswith("+---") and not row.strip("+- "):
            return True
        return bool(row) and not row[0].isspace() and not row.startswith(_BEGINS)


def begins_stack(text: str) -> bool:
    """Whether this is what Python prints of an exception."""
    return text.startswith(_BEGINS) or (text.startswith("\n") and text.lstrip("\n").startswith(_CHAINS))


def last_words(stack: str) -> str:
    """What the exception says: the last line, or of a group of exceptions its own one."""
    if GROUP in stack:
        for row in stack[stack.rindex(GROUP) :].split("\n"):
            if row.startswith("  | ") and not row[4:5].isspace():
                return row[4:]
    return stack.rstrip().rpartition("\n")[2]
