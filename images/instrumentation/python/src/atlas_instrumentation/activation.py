"""Switches everything on, at Python's start. Nothing here may keep a service from starting."""

import sys
from collections.abc import Callable

from atlas_instrumentation import asgi, http_aiohttp, logs, metrics, served, settings, tracing, wsgi
from atlas_instrumentation.captured import is_captured
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
    captured = is_captured()
    lines = Lines(chosen.service, -1 if captured else 1)
    complaints = list(chosen.complaints)
    consoles = [] if captured else take_over(lines)

    endings = [console.finish for console in consoles]

    def part(name: str, work: Callable[[], Callable[[], None] | None]) -> None:
        try:
            if ending := work():
                endings.append(ending)
        except Exception as error:  # whatever it is, the service goes on without this part
            complaints.append(f"{name} are off: {type(error).__name__}: {error}")

    if not captured:
        part("logs", lambda: logs.configure(chosen, lines))
    part("traces", lambda: tracing.configure(chosen))
    part("requests", http_aiohttp.instrument)
    part("metrics", lambda: metrics.configure(chosen, lines, serve=not _runs_a_job()))
    part("requests of ASGI", asgi.configure)
    part("requests of WSGI", wsgi.configure)
    part("requests that a host traces", served.leave_to_host)
    part("final flushes", lambda: at_end([*endings, tracing.flush]))
    for complaint in complaints:
        lines.write("warning", LOGGER, complaint)


def _runs_a_job() -> bool:
    """The job runner measures its job and is no service; the metrics port is its child's."""
    return "atlas_instrumentation.job" in sys.orig_argv
