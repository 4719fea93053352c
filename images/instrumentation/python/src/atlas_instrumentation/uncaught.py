"""What ends a process or a thread, and Python's warnings, as lines. Exit codes stay Python's."""

import sys
import threading
import warnings
from types import TracebackType
from typing import Any

from atlas_instrumentation.console import is_elsewhere
from atlas_instrumentation.encoding import cut, shown
from atlas_instrumentation.errors import fields_of, summary
from atlas_instrumentation.lines import Lines


def show(lines: Lines) -> None:
    """A host that has hooks of its own replaces these."""
    _exceptions(lines)
    _warnings(lines)


def _exceptions(lines: Lines) -> None:
    before = sys.excepthook

    def of_process(kind: type[BaseException], error: BaseException, trail: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            before(kind, error, trail)
            return
        lines.write("critical", "uncaught", summary(error, kind), fields_of(error))

    def of_thread(args: threading.ExceptHookArgs) -> None:
        if args.exc_value is None or issubclass(args.exc_type, SystemExit):
            return
        name = args.thread.name if args.thread else "thread"
        lines.write("error", "uncaught", summary(args.exc_value), {**fields_of(args.exc_value), "thread": name})

    def of_nobody(args: Any) -> None:
        what = args.err_msg or "exception that nobody can handle"
        more = fields_of(args.exc_value) if args.exc_value else {}
        lines.write("warning", "uncaught", f"{what}: {_described(args.object)}", more)

    sys.excepthook, threading.excepthook, sys.unraisablehook = of_process, of_thread, of_nobody


def _described(value: object) -> str:
    try:
        return cut(repr(value))
    except Exception:  # of a host's own class
        return f"<{type(value).__name__}>"


def _warnings(lines: Lines) -> None:
    """Not by logging, which swallows them where a host has no handler."""
    shows = warnings.showwarning

    def show_warning(
        message: Any, category: type[Warning], filename: str, lineno: int, file: Any = None, line: Any = None
    ) -> None:
        if file is not None or is_elsewhere(sys.stderr):
            shows(message, category, filename, lineno, file, line)
            return
        what = f"{category.__name__}: {shown(message)}"
        lines.write("warning", "py.warnings", what, {"file": filename, "line": lineno})

    warnings.showwarning = show_warning
