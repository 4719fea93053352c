"""Puts the file that activates the package beside it: Python reads ``*.pth`` in a site directory at each start."""

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ACTIVATOR = "atlas_instrumentation.pth"


class BuildWithActivator(build_py):
    """Packages have no place for such a file; the root of what is built has."""

    def run(self) -> None:
        super().run()
        self.copy_file(str(Path(__file__).parent / "src" / ACTIVATOR), str(Path(self.build_lib) / ACTIVATOR))


setup(cmdclass={"build_py": BuildWithActivator})
