"""Reads the files of one folder of the catalogue, as strictly as the tools that will read them."""

from pathlib import Path

from catalog.issues import Issue

# A ConfigMap, and so a file in it, holds at most 1 MiB.
MAX_BYTES = 1024 * 1024
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def find_files(folder: Path, suffixes: tuple[str, ...], problems: list[Issue]) -> list[Path]:
    """The folder's files in the order of their names. A file that would be passed over in silence is a problem.

    Hidden files, names that begin with ``_`` (shared code) and ``__pycache__`` are no part of the catalogue.
    """
    if not folder.is_dir():
        problems.append(Issue(f"{folder.name}/", "the folder is missing", "restore it from version control"))
        return []
    files: list[Path] = []
    for path in sorted(folder.iterdir()):
        if path.name.startswith((".", "_")):
            continue
        if path.is_file() and path.suffix in suffixes:
            files.append(path)
        else:
            wanted = " or ".join(f"<name>{suffix}" for suffix in suffixes)
            problems.append(
                Issue(display_path(path), "nothing picks this up", f"name it {wanted}, or move it elsewhere")
            )
    if not files and not problems:
        problems.append(Issue(f"{folder.name}/", "the folder is empty", f"add a {suffixes[0]} file, or restore it"))
    return files


def display_path(path: Path) -> str:
    """The file as messages name it: its folder and its name."""
    return f"{path.parent.name}/{path.name}"


def text_of(path: Path, problems: list[Issue]) -> str | None:
    """The file's text, or None after noting why it cannot ship."""
    size = path.stat().st_size
    if size > MAX_BYTES:
        problems.append(
            Issue(display_path(path), f"{size} bytes, a ConfigMap takes at most {MAX_BYTES}", "split the file")
        )
        return None
    data = path.read_bytes()
    if data.startswith(BYTE_ORDER_MARK):
        problems.append(
            Issue(f"{display_path(path)}:1:1", "begins with a byte order mark", "save it as UTF-8 without BOM")
        )
        return None
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - (data.rfind(b"\n", 0, error.start) + 1) + 1
        problems.append(Issue(f"{display_path(path)}:{line}:{column}", "not UTF-8", "save it as UTF-8"))
        return None
