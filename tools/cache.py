"""The cache of built tools, ``<cache>/<name>-<key>/bin/``, which all clones of one user share. An entry is complete or absent."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tools import file_lock


class Cache:
    """A directory of finished entries. Each appears by one rename, so an interrupted build leaves nothing that looks finished."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @classmethod
    def of_user(cls) -> "Cache":
        """``$ATLAS_CACHE``, else ``atlas`` in the user's cache directory."""
        if chosen := os.environ.get("ATLAS_CACHE"):
            return cls(Path(chosen).absolute())
        return cls(Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "atlas")

    def entry(self, name: str, key: str) -> Path:
        return self.root / f"{name}-{key}"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Lock the cache: only one set-up builds at a time. Another one waits, and then finds the work done."""
        self.root.mkdir(parents=True, exist_ok=True)
        with file_lock.locked(self.root / "lock", "      another set-up is building; waiting for it"):
            for leftover in self.root.glob(".new-*"):  # of a set-up that was killed: nobody else builds now
                shutil.rmtree(leftover)
            yield

    @contextmanager
    def new(self, entry: Path) -> Iterator[Path]:
        """A directory to fill, which becomes ``entry`` when the block ends without an error. Only inside ``locked``."""
        temporary = Path(tempfile.mkdtemp(prefix=".new-", dir=self.root))
        try:
            yield temporary
            temporary.chmod(0o755)
            temporary.rename(entry)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)

    def prune(self, used: set[Path]) -> list[str]:
        """Remove every entry that is not in ``used``, and return the names of the removed ones."""
        removed: list[str] = []
        if not self.root.is_dir():
            return removed
        with self.locked():
            for entry in sorted(self.root.iterdir()):
                if entry.is_dir() and entry not in used:
                    shutil.rmtree(entry)
                    removed.append(entry.name)
        return removed
