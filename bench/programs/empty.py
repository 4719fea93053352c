"""An empty program: the floor that the engine and the language host set."""

import pulumi  # noqa: F401 - every program does
