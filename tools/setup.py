"""Find or build the tools: ``python3 tools/setup.py engine|cluster|node|checks|servers|all ...``.

A suitable program on PATH is used. What is missing is built once into the user's cache, and linked from ``.local/bin``. The
servers that the tests run against and the programs of the cluster's node are Debian's packages, installed for the whole machine.

``clean-cache`` removes cached builds that ``.local/bin`` does not use. ``lock-collector`` resolves our Collector's modules again.
"""

import os
import sys

if __name__ == "__main__":
    # Any Python from 2.7 on gets this far and says what is wrong.
    if sys.version_info < (3, 11):  # noqa: UP036
        found = "%d.%d" % sys.version_info[:2]  # noqa: UP031
        sys.exit("setup: Python 3.11 or newer is needed, this is " + found + " (Debian package python3)")
    sys.path[0] = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))  # the repository, instead of this folder
    from tools.provision import main

    sys.exit(main(sys.argv[1:]))
