"""What is bound to the work at hand, for every line that it writes: the ids of its span, and structlog's context variables."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import structlog
from opentelemetry import trace
from structlog.contextvars import bind_contextvars, bound_contextvars, get_contextvars, merge_contextvars
from structlog.contextvars import unbind_contextvars as unbind

__all__ = ["Origin", "bind", "bound", "here", "ids", "judge", "unbind"]

_ours = {"request_id"}
"""Names that were bound for the lines of everybody, by this package's own functions."""
_judged: list[Any] = [None, False]
"""The host's processors as they were seen last, and whether they hide."""
_hidden = False


class Origin(NamedTuple):
    """Where a record was made: its span, and what was bound."""

    ids: dict[str, str]
    bound: dict[str, Any]


def bind(**values: Any) -> Any:
    """Bind ``values`` to all lines of the work at hand, whoever writes them."""
    _ours.update(values)
    return bind_contextvars(**values)


@contextmanager
def bound(**values: Any) -> Iterator[None]:
    """``bind`` for a block."""
    _ours.update(values)
    with bound_contextvars(**values):
        yield


def here() -> Origin:
    """Of the task or thread at work."""
    found = get_contextvars()
    if found and _hides():
        found = {name: value for name, value in found.items() if name in _ours}
    return Origin(ids(), found)


def ids() -> dict[str, str]:
    """Of the span at work, as lower-case hexadecimal digits; nothing outside of one."""
    context = trace.get_current_span().get_span_context()
    if not context.is_valid:
        return {}
    return {"trace_id": f"{context.trace_id:032x}", "span_id": f"{context.span_id:016x}"}


def judge(processors: Iterable[Any] | None) -> None:
    """Remember it where a chain of the host's hides."""
    global _hidden
    _hidden = _hidden or _can_hide(processors)


def _hides() -> bool:
    """Whether the host's own processors see what is bound, and may take some of it away: then it is not ours to show."""
    if _hidden:
        return True
    processors = structlog.get_config()["processors"]
    if processors is not _judged[0]:
        _judged[:] = [processors, _can_hide(processors)]
    return bool(_judged[1])


def _can_hide(processors: Iterable[Any] | None) -> bool:
    if not isinstance(processors, (list, tuple)):
        return processors is not None
    return merge_contextvars in processors and not all(map(of_structlog, processors))


def of_structlog(part: Any) -> bool:
    """Whether a processor, or another part of a renderer, is structlog's own."""
    module = getattr(part, "__module__", None) or type(part).__module__
    return module.partition(".")[0] == "structlog"
