"""``python3 compile.py FOLDER…``: compiles every module by content, the same each time.

Python's own compileall notes which objects were shared while it ran, which differs from run to run; the marshal format's version 2
has no such notes, and every Python reads it. What cannot be parsed is left to fail where it is imported.
"""

import importlib.util
import marshal
import sys
import warnings
from pathlib import Path

UNCHECKED_HASH = (1).to_bytes(4, "little")
"""Python takes the file by the hash of its source (PEP 552) and looks at no time."""


def compiled(source: bytes, path: Path) -> bytes:
    """The content of the .pyc file."""
    code = compile(source, str(path), "exec", dont_inherit=True)
    return importlib.util.MAGIC_NUMBER + UNCHECKED_HASH + importlib.util.source_hash(source) + marshal.dumps(code, 2)


warnings.simplefilter("ignore")
for folder in sys.argv[1:]:
    for module in sorted(Path(folder).rglob("*.py")):
        try:
            content = compiled(module.read_bytes(), module)
        except (SyntaxError, ValueError):
            continue
        target = Path(importlib.util.cache_from_source(str(module)))
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(content)
