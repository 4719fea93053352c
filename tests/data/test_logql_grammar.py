"""Every LogQL query of the repository parses by the grammar of Grafana's own editor, which knows the whole language."""

import ast
import json
import re
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.data.test_contract_values import LOG_QUESTIONS
from tests.services.service_builds import modules
from tests.support.promql import filled
from tests.support.repository import ROOT

GRAMMAR = Path(__file__).parent / "logql"
LOOKS_LIKE_LOGQL = re.compile(r"^((topk|sum)\b.*(rate|count_over_time)\(\{service_name|\{ *service_name\b)")
IN_DOCUMENTS = re.compile(r"query=(\{.*?)'")


def faults(queries: Sequence[str]) -> list[int | None]:
    """Where each query has its first fault; None where it parses."""
    package = modules(GRAMMAR)
    command = ["node", "parse.mjs"]
    said = subprocess.run(command, cwd=package, input=json.dumps(queries), capture_output=True, text=True, check=True)
    return json.loads(said.stdout)


def texts(file: Path) -> Iterator[str]:
    """The texts of a Python file; what an f-string fills in is a word."""
    nodes = list(ast.walk(ast.parse(file.read_text())))
    parts = {id(part) for node in nodes if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in nodes:
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "any" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in parts:
            yield node.value


def queries() -> dict[str, str]:
    """Every query with where it is."""
    found = {filled(question.expr): question.by for question in LOG_QUESTIONS}
    for folder in ("tests/e2e", "tests/faults", "bench"):
        for file in sorted((ROOT / folder).rglob("*.py")):
            found |= {text: str(file) for text in texts(file) if LOOKS_LIKE_LOGQL.match(text)}
    for file in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        found |= {query: str(file) for query in IN_DOCUMENTS.findall(file.read_text())}
    return found


def test_every_query_of_the_repository_parses() -> None:
    asked = queries()
    assert len(asked) > 20
    assert {where.rpartition("/")[2] for where in asked.values()} >= {"test_logs.py", "arrival.py", "README.md"}
    wrong = [query for query, fault in zip(asked, faults(list(asked)), strict=True) if fault is not None]
    assert [f"{asked[query]}: {query}" for query in wrong] == []


@pytest.mark.parametrize(
    ("query", "at"),
    [
        ('{service_name="api"', 19),
        ("{service_name=api}", 14),
        ('{service_name="api"} |= error', 24),
        ('{service_name="api"} | detected_level~"a"', 37),
        ('sum by service_name (rate({service_name="api"}[5m]))', 7),
        ('sum(rate({service_name="api"}))', 29),
    ],
)
def test_a_broken_query_does_not_parse(query: str, at: int) -> None:
    assert faults([query, '{service_name="api"}']) == [at, None]
