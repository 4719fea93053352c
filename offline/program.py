"""Runs the SDK's executor (``python program.py <executor> [arguments]``) as Python itself would, but faster.

At exit an interpreter destroys a program's thousands of classes one by one, though the operating system frees all memory at once.
And while it imports them, it searches for garbage where there is none. This module avoids both.
"""

import atexit
import gc
import os
import runpy
import sys

OBJECTS = 50_000
"""New objects between two garbage collections. The interpreter's default of 700 means hundreds of collections in a start."""


class Ending:
    """Ends the process at once with the exit code. Registered first with ``atexit``, so that it is called last."""

    code = 0

    def __call__(self) -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(self.code)


def main() -> None:
    """Run the executor; its exit code becomes this process's."""
    gc.set_threshold(OBJECTS, 10, 10)
    ending = Ending()
    atexit.register(ending)
    sys.argv = sys.argv[1:]
    sys.path[0] = os.path.dirname(sys.argv[0])
    ending.code = 1
    try:
        runpy.run_path(sys.argv[0], run_name="__main__")
        ending.code = 0
    except SystemExit as end:
        ending.code = end.code if isinstance(end.code, int) else int(end.code is not None)
        raise


if __name__ == "__main__":
    main()
