"""No checker of workflows, scripts and Dockerfiles finds anything without a written reason, and each sees planted faults."""

from pathlib import Path

import pytest

from tests.checkers import checker_inputs, file_checkers
from tests.checkers.finding import Allowed, Finding, unexplained

# A workflow with one fault for each kind of check; @ is there for zizmor, the rest for actionlint and the shell.
SPOILED_WORKFLOW = """\
name: spoiled
on: pull_request_target
permissions: write-all
jobs:
  one:
    runs-on: ubuntu-24.04
    steps:
      - uses: actions/checkout@v4 # zizmor: ignore[unpinned-uses]
      - run: echo ${{ github.event.pull_request.title }}
      - run: |
          files=$(ls)
          rm $files
      - run: echo ${{ matrix.nothing }}
      - run: echo ${{ fromJSON( }}
"""
SPOILED_DOCKERFILE = """\
FROM debian
# hadolint ignore=DL3008
RUN apt-get update && apt-get install -y curl
ADD sources /sources
"""


@pytest.mark.parametrize("tool", ["actionlint", "checkov", "hadolint", "shellcheck", "zizmor"])
def test_nothing_is_found_without_a_written_reason(
    tool: str, about_files: dict[str, list[Finding]], exceptions: list[Allowed]
) -> None:
    assert unexplained(about_files[tool], exceptions) == []


def test_the_scripts_and_workflows_are_found() -> None:
    scripts = {
        str(path.relative_to(checker_inputs.ROOT))
        for path in checker_inputs.shell_scripts(checker_inputs.ROOT / ".github")
    }

    assert scripts == {".github/cluster-access.sh"}
    assert checker_inputs.shell_scripts(checker_inputs.ROOT / ".ci") == [checker_inputs.ROOT / ".ci/run"]


@pytest.fixture(scope="module")
def spoiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository of faults."""
    root = tmp_path_factory.mktemp("spoiled")
    for name, text in {
        ".github/workflows/spoiled.yml": SPOILED_WORKFLOW,
        ".github/actionlint.yaml": "paths:\n  '**/*':\n    ignore: ['.*']\n",
        ".github/zizmor.yml": "rules:\n  excessive-permissions:\n    disable: true\n",
        "images/spoiled/Dockerfile": SPOILED_DOCKERFILE,
        ".hadolint.yaml": "ignored: [DL3006]\n",
        "spoiled.sh": "#!/bin/sh\nrm $1\n",
    }.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def checks(findings: list[Finding]) -> set[str]:
    return {finding.check for finding in findings}


def test_zizmor_sees_whatever_a_comment_or_a_configuration_says(spoiled: Path) -> None:
    found = file_checkers.zizmor(spoiled / ".github", spoiled)

    assert checks(found) >= {
        "unpinned-uses",
        "excessive-permissions",
        "dangerous-triggers",
        "template-injection",
        "artipacked",
    }
    assert {finding.object for finding in found} == {".github/workflows/spoiled.yml"}


def test_actionlint_sees_bad_expressions_and_what_the_shell_would_do(spoiled: Path, tmp_path: Path) -> None:
    workflow = spoiled / ".github/workflows/spoiled.yml"
    found = file_checkers.actionlint([workflow], spoiled, tmp_path)

    assert checks(found) >= {"expression", "shellcheck"}
    assert {finding.object for finding in found} == {".github/workflows/spoiled.yml"}


def test_shellcheck_sees_an_unquoted_word(spoiled: Path) -> None:
    found = file_checkers.shellcheck(checker_inputs.shell_scripts(spoiled), spoiled)

    assert [(finding.check, finding.object) for finding in found] == [("SC2086", "spoiled.sh")]


def test_hadolint_sees_whatever_a_comment_or_a_configuration_says(spoiled: Path, tmp_path: Path) -> None:
    found = file_checkers.hadolint(checker_inputs.dockerfiles(spoiled), spoiled, tmp_path)

    assert checks(found) >= {"DL3006", "DL3008", "DL3020"}


def test_checkov_sees_a_root_image(spoiled: Path) -> None:
    found = file_checkers.checkov_dockerfiles(checker_inputs.dockerfiles(spoiled), spoiled)

    assert checks(found) >= {"CKV_DOCKER_3"}
    assert {finding.object for finding in found} == {"images/spoiled/Dockerfile"}


def test_a_dockerfile_that_checkov_passes_over_is_named(spoiled: Path) -> None:
    found = file_checkers.checkov_dockerfiles([spoiled / "images/unseen/Dockerfile"], spoiled)

    assert {finding.object for finding in found if finding.check == "not judged"} == {"images/unseen/Dockerfile"}
