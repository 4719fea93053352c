"""Switches everything on, at Python's start. Nothing here may keep a service from starting."""

import sys
from collections.abc import Callable

from atlas_instrumentation import logs, metrics, settings, tracing
from atlas_instrumentation.console import take_over
from atlas_instrumentation.ending import at_end
from atlas_instrumentation.lines import Lines

LOGGER = "atlas_instrumentation"
_active = False


def activate() -> None:
    """Once a process. What fails is left out, and one line says so."""
    global _active
    if _active:
        return
    _active = True
    chosen = settings.read()
    lines = Lines(chosen.service)
    complaints = list(chosen.complaints)
    consoles = take_over(lines)

    def part(name: str, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:  # whatever it is, the service goes on without this part
            complaints.append(f"{name} are off: {type(error).__name__}: {error}")

    part("logs", lambda: logs.configure(chosen, lines, consoles))
    part("traces", lambda: tracing.configure(chosen))
    part("metrics", lambda: metrics.configure(chosen, lines, serve=not _runs_a_job()))
    part("final flushes", lambda: at_end([*(console.finish for console in consoles), tracing.flush]))
    for complaint in complaints:
        lines.write("warning", LOGGER, complaint)


def _runs_a_job() -> bool:
    """The job runner measures its job and is no service; the metrics port is its child's."""
    return "atlas_instrumentation.job" in sys.orig_argv
