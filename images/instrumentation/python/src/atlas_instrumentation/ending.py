"""The last lines, metrics and spans, at the end of the process: by itself, or when it is told to stop."""

import atexit
import os
import signal
import threading
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Any

import wrapt

LAST = -1_000_000
"""multiprocessing's own priorities of what is done at a child's end: what the host does there comes first."""


def at_end(work: Sequence[Callable[[], None]]) -> None:
    """Do ``work`` once, at exit. SIGTERM counts as one while the host has no handler of its own; its exit code stays 128 + 15."""
    done = at_it = False
    told_meanwhile: list[int] = []

    def finish() -> None:
        nonlocal done, at_it
        if done:
            return
        done = at_it = True
        for each in work:
            try:
                each()
            except Exception:  # noqa: S112 - it is over anyway
                continue
        at_it = False
        if told_meanwhile:
            end(told_meanwhile[0])

    def told(number: int, _frame: FrameType | None) -> None:
        if at_it:  # interrupted by this very signal, as a pool's worker is that ends by itself
            told_meanwhile.append(number)
            return
        finish()
        end(number)

    def end(number: int) -> None:
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
        os._exit(128 + number)  # the first process of a container is not killed by itself

    def forked() -> None:
        nonlocal done, at_it
        done = at_it = False
        told_meanwhile.clear()

    def on_multiprocessing(util: Any) -> None:
        """Its children end without Python's own exit, and forget what their parent registered."""
        util.register_after_fork(finish, lambda _: util.Finalize(None, finish, exitpriority=LAST))

    atexit.register(finish)
    os.register_at_fork(after_in_child=forked)
    wrapt.register_post_import_hook(on_multiprocessing, "multiprocessing.util")
    if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) == signal.SIG_DFL:
        signal.signal(signal.SIGTERM, told)
        _keep_signal_over_forks()


def _keep_signal_over_forks() -> None:
    """Python forgets in a new child what has come before it is ready, and a pool's worker that is told to end then never does."""
    mask = threading.local()

    def before() -> None:
        mask.kept = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])

    def after() -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask.kept)

    os.register_at_fork(before=before, after_in_parent=after, after_in_child=after)
