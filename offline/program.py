"""Runs the SDK's executor (``python program.py <executor> [arguments]``) as itself would run, but with a quick end.

An interpreter that ends takes a program's thousands of classes apart one by one, which nobody needs: the operating
system takes it all back at once. And it looks for garbage while it imports them, where there is none.
"""

import atexit
import gc
import os
import runpy
import sys

OBJECTS = 50_000
"""New objects between two looks for garbage; the interpreter's own 700 mean hundreds of looks in a start."""


class Ending:
    """The exit code, and the end with it. Registered first, so that it comes after whatever else waits for the end."""

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
