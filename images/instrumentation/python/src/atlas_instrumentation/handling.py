"""The span of one message's handling, for subscribers that ask for messages: from one answer to the next question.

Nobody says when the last handling ends, so it ends as soon as it is known to: with the loop that is left, with the subscription
that is closed or gone, with the task or thread, and at the latest after MOST_SECONDS. The context is then what it was before.
"""

import asyncio
import contextvars
import math
import os
import threading
import time
import weakref
from collections import deque
from collections.abc import Mapping
from typing import Any

from opentelemetry import context, trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, Status, StatusCode

MOST_SECONDS = 300.0
"""Of a handling whose message was asked for outside of any loop over its subscription."""
MOST_OPEN = 100
"""Handlings of one subscription: where many threads ask once each, nothing tells when these are over."""
tracer = trace.get_tracer("atlas_instrumentation")


class _Owner:
    """The thread, and the task in it, that handles."""

    def __init__(self) -> None:
        task = _task()
        self._thread, self._task = threading.get_ident(), weakref.ref(task) if task else None

    def is_here(self) -> bool:
        return self._thread == threading.get_ident() and (self._task() if self._task else None) is _task()


class _One:
    """One handling. ``before`` is the context that it began in."""

    def __init__(self, span: Span, subscription: Any, before: Context, until: float) -> None:
        self.span, self.before, self.until = span, before, until
        self.over = False
        self.owner = _Owner()
        self._key = id(subscription)
        self._subscription = weakref.ref(subscription, lambda _: self.dropped())
        _open.setdefault(self._key, []).append(self)

    def left_here(self) -> bool:
        """Whether it is over, for the task that handled; what that one began meanwhile still belongs to it."""
        if not self.over and time.monotonic() < self.until:
            return False
        self.end()
        return self.owner.is_here()

    def end(self) -> None:
        if self.over:
            return
        self.until = math.inf  # the question for the current span would come back to here
        current = trace.get_current_span() is self.span
        self.over = True
        self.span.end()
        others = [one for one in _open.get(self._key, ()) if one is not self]
        if others:
            _open[self._key] = others
        else:
            _open.pop(self._key, None)
        # Not a token's reset: the host may have attached contexts of its own since.
        if current and self.owner.is_here():
            context.attach(_still_open(self.before))

    def dropped(self) -> None:
        """What it depends on is gone. Elsewhere that may be within the SDK's own locks, so it is ended later."""
        if self.owner.is_here():
            self.end()
        elif not self.over:
            self.until = 0.0
            _due.append(self)


class _Handled(Context):
    """The current context of a handling. Once that is over, it answers its task as the one before, wherever the end came from."""

    def __init__(self, one: _One, inside: Context) -> None:
        super().__init__(inside)
        self.one = one

    def get(self, key: str, default: Any = None) -> Any:
        return self.one.before.get(key, default) if self.one.left_here() else super().get(key, default)

    def copy(self) -> dict[str, object]:
        return self.one.before.copy() if self.one.left_here() else super().copy()


class Handling:
    """What each subscription of a bus is handling."""

    def __init__(self, system: str) -> None:
        """``system`` is the bus, in OpenTelemetry's words."""
        self._system = system

    def begin(
        self, subscription: Any, name: str, destination: str, parent: Context, more: Mapping[str, str] = {}
    ) -> None:
        """``parent`` is the context that came with the message; ``more`` are attributes."""
        self.end(subscription)
        while _due:
            _due.pop().end()
        others = [one for one in _open.get(id(subscription), ()) if not one.left_here() and not one.over]
        if len(others) >= MOST_OPEN:
            others[0].end()
        attributes = {
            "messaging.system": self._system,
            "messaging.destination.name": destination,
            "messaging.operation.type": "process",
            **more,
        }
        before = _still_open(context.get_current())
        span = tracer.start_span(name, context=parent, kind=SpanKind.CONSUMER, attributes=attributes)
        until = math.inf if id(subscription) in _loops else time.monotonic() + MOST_SECONDS
        one = _One(span, subscription, before, until)
        _end_with_task_or_thread(one)
        context.attach(_Handled(one, trace.set_span_in_context(span, before)))

    def end(self, subscription: Any, error: BaseException | None = None) -> None:
        """What this task handles of it. Another one that asks as well has its own."""
        for one in _open.get(id(subscription), ()):
            if one.owner.is_here():
                if error is not None:
                    one.span.record_exception(error)
                    one.span.set_status(Status(StatusCode.ERROR, f"{type(error).__name__}: {error}"))
                one.end()

    def watch(self, loop: Any, subscription: Any) -> None:
        """``loop`` is what a host's loop alone holds: when it is gone, the host has left."""
        key = id(subscription)

        def left(found: Any) -> None:
            loops = _loops.get(key, set())
            loops.discard(found)
            if not loops:
                _loops.pop(key, None)
                for one in _open.get(key, ()):
                    one.dropped()

        _loops.setdefault(key, set()).add(weakref.ref(loop, left))


def end_open() -> None:
    """All that is open: the process ends."""
    for ones in list(_open.values()):
        for one in ones:
            one.end()


_open: dict[int, list[_One]] = {}
"""Handlings by the ids of their subscriptions."""
_loops: dict[int, set[Any]] = {}
"""Weak references to loops that are under way, by the same ids."""
_due: deque[_One] = deque()
_threads = threading.local()
_of_tasks: "weakref.WeakKeyDictionary[asyncio.Task[Any], weakref.WeakSet[_One]]" = weakref.WeakKeyDictionary()


def _task() -> "asyncio.Task[Any] | None":
    try:
        return asyncio.current_task()
    except RuntimeError:  # no loop runs here
        return None


class _OfThread:
    """What a thread handles outside of tasks. It is gone with the thread."""

    def __init__(self) -> None:
        self.ones: weakref.WeakSet[_One] = weakref.WeakSet()

    def __del__(self) -> None:
        for one in list(self.ones):
            one.end()


def _end_with_task_or_thread(one: _One) -> None:
    task = _task()
    if task is None:
        if not hasattr(_threads, "here"):
            _threads.here = _OfThread()
        _threads.here.ones.add(one)
        return
    ones = _of_tasks.get(task)
    if ones is None:
        ones = _of_tasks[task] = weakref.WeakSet()
        task.add_done_callback(_task_is_done, context=contextvars.Context())
    ones.add(one)


def _task_is_done(task: "asyncio.Task[Any]") -> None:
    for one in list(_of_tasks.pop(task, ())):
        one.end()


def _still_open(found: Context) -> Context:
    """``found``, or the first context before it that is not over. What is another task's is kept as it is now: no chain grows."""
    while isinstance(found, _Handled):
        if not found.one.owner.is_here():
            return Context(found.copy())
        if not found.one.left_here():
            found.one.before = _still_open(found.one.before)
            break
        found = found.one.before
    return found


def _forget() -> None:
    """In a forked child: these spans are the parent's to end."""
    _open.clear()
    _due.clear()
    _of_tasks.clear()
    if hasattr(_threads, "here"):
        _threads.here.ones.clear()


os.register_at_fork(after_in_child=_forget)
