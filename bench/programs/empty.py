"""Nothing: what the engine and the language host take by themselves."""

import pulumi  # noqa: F401 - every program does
