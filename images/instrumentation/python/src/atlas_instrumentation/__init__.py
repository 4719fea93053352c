"""JSON logs, traces and metrics for Python services that know nothing of it.

Installed, it activates itself at Python's start where ``OTEL_SERVICE_NAME`` is set. A service may use what is here to say more.
"""

from atlas_instrumentation.bindings import bind, bound, unbind
from atlas_instrumentation.orders import order_processing

__all__ = ["bind", "bound", "order_processing", "unbind"]
