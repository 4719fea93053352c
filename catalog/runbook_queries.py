"""The queries of logs in runbooks, in both languages.

    python -m catalog.runbook_queries

writes the LogsQL after each LogQL query of the pages anew.
"""

import re
from pathlib import Path

from catalog.logsql import to_logsql

_LOGQL = re.compile(
    r"(?P<logql>^(?P<indent> *)```logql\n(?P<query>.*?)^ *```\n)(?:^ *In VictoriaLogs:\n^ *```logsql\n.*?^ *```\n)?",
    re.DOTALL | re.MULTILINE,
)


def with_logsql(text: str) -> str:
    """A page with the same query for VictoriaLogs after each query for Loki. A page about Loki itself has none.

    Raises:
        LogQueryError: a query is none of those that can be translated.
    """

    def both(block: re.Match[str]) -> str:
        indent, query = block["indent"], "\n".join(line.strip() for line in block["query"].splitlines())
        lines = ["In VictoriaLogs:", "```logsql", to_logsql(query), "```"]
        return block["logql"] + "".join(f"{indent}{line}\n" for line in lines)

    return text if text.startswith("# Loki") else _LOGQL.sub(both, text)


if __name__ == "__main__":
    for page in sorted((Path(__file__).parents[1] / "runbooks").glob("*.md")):
        old = page.read_text()
        if (new := with_logsql(old)) != old:
            page.write_text(new)
