"""Starts one stand-in: ``python -P launcher.py <module> [options] [engine address]``.

Run by the launchers in ``bin/``. With -P and this explicit path, modules here such as ``offline.random`` cannot shadow
the standard library's.
"""

import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType


def enter_protocol_alone() -> None:
    """Let the generated modules of the protocol be imported without the SDK around them.

    Importing ``pulumi`` would load all of it, half a second of every plugin's start; its packages on the way to the
    protocol are entered as bare folders instead.
    """
    spec = find_spec("pulumi")
    if spec is None or not spec.submodule_search_locations:
        sys.exit(f"the Python package 'pulumi' is not installed in {sys.prefix}; run 'uv sync'")
    folder = Path(spec.submodule_search_locations[0])
    for name, path in (
        ("pulumi", folder),
        ("pulumi.runtime", folder / "runtime"),
        ("pulumi.runtime.proto", folder / "runtime/proto"),
    ):
        package = ModuleType(name)
        package.__path__ = [str(path)]
        sys.modules[name] = package


def main(module: str, *arguments: str) -> None:
    """Serve until the engine ends this process; the engine's address is the last argument."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    enter_protocol_alone()
    addresses = [argument for argument in arguments if not argument.startswith("-")]
    import_module(f"offline.{module}").main(addresses[-1] if addresses else "")


if __name__ == "__main__":
    main(*sys.argv[1:])
