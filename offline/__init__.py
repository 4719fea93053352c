"""Stand-ins for the official Pulumi plugins, for machines that cannot download them.

They are the Python language host and the resource providers ``random``, ``docker`` and ``docker-build``. The engine starts them by
their official names (``bin/``) from ``PATH`` and talks the official protocol to them. Where the official plugins are on ``PATH``
they are used instead. Nothing outside this folder depends on which of the two runs.
"""
