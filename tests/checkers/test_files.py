"""No checker of workflows, scripts and Dockerfiles finds anything without a written reason, and each sees planted faults."""

from pathlib import Path

import pytest

from tests.checkers import checker_inputs, file_checkers
from tests.checkers.finding import Allowed, Finding, unexplained

# A workflow with one fault for each kind of check; @ is there for zizmor, the rest for actionlint and the shell.
MUTATED_WORKFLOW = """\
name: mutated
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
MUTATED_DOCKERFILE = """\
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
def mutated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository of faults."""
    root = tmp_path_factory.mktemp("mutated")
    for name, text in {
        ".github/workflows/mutated.yml": MUTATED_WORKFLOW,
        ".github/actionlint.yaml": "paths:\n  '**/*':\n    ignore: ['.*']\n",
        ".github/zizmor.yml": "rules:\n  excessive-permissions:\n    disable: true\n",
        "images/mutated/Dockerfile": MUTATED_DOCKERFILE,
        ".hadolint.yaml": "ignored: [DL3006]\n",
        "mutated.sh": "#!/bin/sh\nrm $1\n",
    }.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def checks(findings: list[Finding]) -> set[str]:
    return {finding.check for finding in findings}


def test_zizmor_sees_whatever_a_comment_or_a_configuration_says(mutated: Path) -> None:
    found = file_checkers.zizmor(mutated / ".github", mutated)

    assert checks(found) >= {
        "unpinned-uses",
        "excessive-permissions",
        "dangerous-triggers",
        "template-injection",
        "artipacked",
    }
    assert {finding.object for finding in found} == {".github/workflows/mutated.yml"}


def test_actionlint_sees_bad_expressions_and_what_the_shell_would_do(mutated: Path, tmp_path: Path) -> None:
    workflow = mutated / ".github/workflows/mutated.yml"
    found = file_checkers.actionlint([workflow], mutated, tmp_path)

    assert checks(found) >= {"expression", "shellcheck"}
    assert {finding.object for finding in found} == {".github/workflows/mutated.yml"}


def test_shellcheck_sees_an_unquoted_word(mutated: Path) -> None:
    found = file_checkers.shellcheck(checker_inputs.shell_scripts(mutated), mutated)

    assert [(finding.check, finding.object) for finding in found] == [("SC2086", "mutated.sh")]


def test_hadolint_sees_whatever_a_comment_or_a_configuration_says(mutated: Path, tmp_path: Path) -> None:
    found = file_checkers.hadolint(checker_inputs.dockerfiles(mutated), mutated, tmp_path)

    assert checks(found) >= {"DL3006", "DL3008", "DL3020"}


def test_checkov_sees_a_root_image(mutated: Path) -> None:
    found = file_checkers.checkov_dockerfiles(checker_inputs.dockerfiles(mutated), mutated)

    assert checks(found) >= {"CKV_DOCKER_3"}
    assert {finding.object for finding in found} == {"images/mutated/Dockerfile"}


def test_a_dockerfile_that_checkov_passes_over_is_named(mutated: Path) -> None:
    found = file_checkers.checkov_dockerfiles([mutated / "images/unseen/Dockerfile"], mutated)

    assert {finding.object for finding in found if finding.check == "not checked"} == {"images/unseen/Dockerfile"}
