"""Stand-ins for the official Pulumi plugins, for machines that cannot download them.

The engine starts them from ``PATH`` by their official names (``bin/``) and talks the official protocol to them: the
Python language host, and the resource providers ``kubernetes`` and ``random``. Where the official plugins are to be had
they are used instead, and nothing outside this folder knows which of the two it is.
"""
