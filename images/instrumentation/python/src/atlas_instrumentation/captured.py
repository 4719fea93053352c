"""Whose the two streams of this process are. What a program reads of its children is its data, and no log of the service's."""

import os
import stat
import sys
from pathlib import Path

NAME = "ATLAS_CONSOLE"
SUPERVISORS = frozenset({"circusd", "honcho", "supervisord"})
"""They read what their children write in order to pass it on."""
_SHELLS = frozenset({"ash", "bash", "busybox", "dash", "ksh", "sh", "zsh"})
_MOST_SHELLS = 4


def is_captured() -> bool:
    """Whether the streams are another program's to read: a Python one's with this package, or a shell's (``$(python …)``).

    A process whose streams are the service's own says so to its children, in their environment.
    """
    streams = [_file(1), _file(2)]
    known = os.environ.get(NAME, "").split()
    if known:
        return streams[0] not in known or streams[1] not in (*known, _file(os.devnull))
    if _asked_by_shell():
        return True
    if not SUPERVISORS.intersection(os.path.basename(word) for word in sys.orig_argv[:2]):
        os.environ[NAME] = " ".join(streams)
    return False


def _file(which: int | str) -> str:
    """What two descriptors of one file have in common; ``-`` where there is none."""
    try:
        found = os.stat(which)
    except OSError:
        return "-"
    return f"{found.st_dev}:{found.st_ino}"


def _asked_by_shell() -> bool:
    """Whether a shell above us holds the other end of our stdout: those of a pipeline do not."""
    try:
        if not stat.S_ISFIFO(os.fstat(1).st_mode):
            return False
        process, ours = os.getppid(), _file(1)
        for _ in range(_MOST_SHELLS):
            folder = Path(f"/proc/{process}")
            name, fields = (folder / "stat").read_text().rpartition(")")[::2]
            if name.partition("(")[2] not in _SHELLS:
                return False
            if any(_reads(folder, fd.name) for fd in (folder / "fd").iterdir() if _file(str(fd)) == ours):
                return True
            process = int(fields.split()[1])
    except (OSError, ValueError, IndexError):  # another user's, or no Linux
        pass
    return False


def _reads(folder: Path, fd: str) -> bool:
    flags = next(row for row in (folder / "fdinfo" / fd).read_text().splitlines() if row.startswith("flags:"))
    return int(flags.split()[1], 8) & os.O_ACCMODE == os.O_RDONLY
