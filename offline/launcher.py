"""Starts one stand-in: ``python -P launcher.py <module> [options] [engine address]``.

The scripts in ``bin/`` run it. ``-P`` keeps this folder off the import path, so that modules here such as ``offline.random`` do not
shadow the standard library's.
"""

import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType


def register_protocol_packages() -> None:
    """Make the generated modules of the protocol importable without the rest of the SDK.

    Importing ``pulumi`` loads all of the SDK, half a second of every plugin's start. The packages that contain the protocol's
    modules are registered as empty packages instead.
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
    register_protocol_packages()
    addresses = [argument for argument in arguments if not argument.startswith("-")]
    import_module(f"offline.{module}").main(addresses[-1] if addresses else "")


if __name__ == "__main__":
    main(*sys.argv[1:])
