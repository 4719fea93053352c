"""The table of exceptions: each excuses something that a checker really says, and gives a reason."""

from pathlib import Path

import pytest

from tests.checkers.finding import Allowed, Finding, read_exceptions, stale, unexplained
from tests.checkers.manifest_checkers import MANIFEST_TOOLS, CheckManifests

REASON = "because it reads the log files of the node, which is all that it is for"
FINDING = Finding(tool="checkov", check="CKV_1", object="DaemonSet/node-agents/otel-agent", stack="prod")


def entry(**changes: object) -> str:
    values: dict[str, object] = {
        "tool": "checkov",
        "check": "CKV_1",
        "objects": ["DaemonSet/node-agents/*"],
        "reason": REASON,
    }
    return str([values | changes])


def read(text: str) -> list[Allowed]:
    return read_exceptions(text, ["checkov", "zizmor"], ["dev", "prod"])


def test_every_exception_excuses_something(
    check_manifests: CheckManifests, objects: Path, about_files: dict[str, list[Finding]], exceptions: list[Allowed]
) -> None:
    every = [finding for found in about_files.values() for finding in found]
    for tool in MANIFEST_TOOLS:
        every += check_manifests(tool, objects).findings

    assert list(stale(every, exceptions)) == []


def test_an_exception_covers_its_own_tool_check_and_objects_alone() -> None:
    assert unexplained([FINDING], read(entry())) == []
    assert unexplained([FINDING], read(entry(stacks=["dev", "prod"]))) == []
    for other in (
        entry(tool="zizmor"),
        entry(check="CKV_2"),
        entry(objects=["DaemonSet/observability/*"]),
        entry(objects=["daemonset/node-agents/*"]),
        entry(stacks=["dev"]),
    ):
        assert len(unexplained([FINDING], read(other))) == 1


def test_an_exception_that_excuses_nothing_is_named() -> None:
    gone = read(entry(objects=["DaemonSet/node-agents/otel-agent", "DaemonSet/node-agents/gone"]))
    mended_in_one_stack = read(entry(stacks=["dev", "prod"]))

    assert list(stale([FINDING], gone)) == ["checkov CKV_1 DaemonSet/node-agents/gone"]
    assert list(stale([FINDING], mended_in_one_stack)) == ["checkov CKV_1 DaemonSet/node-agents/* dev"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (entry(reason="needed"), "say why"),
        (entry(reason=""), "say why"),
        (entry(objects=[]), "give tool, check, objects and reason"),
        (entry(until="2027"), "give tool, check, objects and reason"),
        (entry(stacks=["production"]), "production is none of dev, prod"),
        (entry(tool="chekov"), "chekov is none of checkov, zizmor"),
        (entry(objects=["DaemonSet/a/b", "DaemonSet/a/b"]), "stands there twice"),
    ],
)
def test_a_careless_entry_is_refused(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read(text)


def test_an_empty_table_is_a_table() -> None:
    assert read("# nothing to excuse\n") == []
