"""Where built tools live: `<cache>/<name>-<key>/bin/`, shared by all clones of one user. An entry is whole or absent."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tools.progress import log


class Cache:
    """A directory of finished entries: each appears by one rename, so an interrupted build leaves nothing that looks finished."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @classmethod
    def of_user(cls) -> "Cache":
        """`$ATLAS_CACHE`, else `atlas` in the user's cache directory."""
        if chosen := os.environ.get("ATLAS_CACHE"):
            return cls(Path(chosen).absolute())
        return cls(Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "atlas")

    def entry(self, name: str, key: str) -> Path:
        return self.root / f"{name}-{key}"

    @contextmanager
    def alone(self) -> Iterator[None]:
        """One builder at a time; another one waits, and then finds the work done."""
        self.root.mkdir(parents=True, exist_ok=True)
        with (self.root / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                log("      another set-up is building; waiting for it")
                fcntl.flock(lock, fcntl.LOCK_EX)
            for leftover in self.root.glob(".new-*"):  # of a builder that was killed: nobody else is at work
                shutil.rmtree(leftover)
            yield

    @contextmanager
    def new(self, entry: Path) -> Iterator[Path]:
        """A directory to fill, which becomes `entry` when the block ends well. Only inside `alone`."""
        temporary = Path(tempfile.mkdtemp(prefix=".new-", dir=self.root))
        try:
            yield temporary
            temporary.chmod(0o755)
            temporary.rename(entry)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)

    def prune(self, used: set[Path]) -> list[str]:
        """Remove every entry but those used; returns the names removed."""
        removed: list[str] = []
        if not self.root.is_dir():
            return removed
        with self.alone():
            for entry in sorted(self.root.iterdir()):
                if entry.is_dir() and entry not in used:
                    shutil.rmtree(entry)
                    removed.append(entry.name)
        return removed
