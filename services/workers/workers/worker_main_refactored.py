"""The platform's own start command, ``python -m workers.worker_main_refactored``, kept alive."""

import sys

from workers.worker_main import main

if __name__ == "__main__":
    sys.exit(main())
