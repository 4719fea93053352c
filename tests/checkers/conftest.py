"""Fixtures of the checkers' tests: each tool looks once at all stacks, or once at the repository."""

from functools import cache
from pathlib import Path

import file_judges
import manifest_judges
import pytest
import subjects
from file_judges import FILE_TOOLS
from finding import EXCEPTIONS, Allowed, Finding, Judgement, read_exceptions
from harness import EmbeddedCluster
from manifest_judges import MANIFEST_TOOLS, JudgeManifests
from operator_crds import install_operator_crds
from schemas import write_schemas
from variants import VARIANTS


@pytest.fixture(scope="session")
def objects(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every object of every stack, one a file."""
    folder = tmp_path_factory.mktemp("objects")
    subjects.write_stacks(folder)
    return folder


@pytest.fixture(scope="session")
def schemas(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What an API server publishes that also knows the Prometheus Operator's kinds; it is gone again when this returns."""
    folder = tmp_path_factory.mktemp("schemas")
    with EmbeddedCluster(tmp_path_factory.mktemp("cluster")).running() as embedded:
        install_operator_crds(embedded)
        write_schemas(embedded, folder)
    return folder


@pytest.fixture(scope="session")
def judge(request: pytest.FixtureRequest) -> JudgeManifests:
    """`judge(tool, folder)`: what this checker of manifests says about the files below a folder; asked once."""

    @cache
    def ask(tool: str, folder: Path) -> Judgement:
        match tool:
            case "kubeconform":
                return manifest_judges.kubeconform(folder, request.getfixturevalue("schemas"))
            case "checkov":
                return manifest_judges.checkov(folder)
            case _:
                return manifest_judges.kube_score(folder)

    return ask


@pytest.fixture(scope="session")
def about_files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Finding]]:
    """What each checker of the repository's files says about them."""
    scratch = tmp_path_factory.mktemp("repository")
    tree = scratch / "tree"
    subjects.copy_repository(tree)
    subjects.write_service_dockerfiles(tree)
    workflows = sorted((tree / ".github/workflows").glob("*.y*ml"))
    dockerfiles = subjects.dockerfiles(tree)
    return {
        "zizmor": file_judges.zizmor(tree / ".github", tree),
        "actionlint": file_judges.actionlint(workflows, tree, scratch),
        "shellcheck": file_judges.shellcheck(subjects.shell_scripts(tree), tree),
        "hadolint": file_judges.hadolint(dockerfiles, tree, scratch) if dockerfiles else [],
        "gitleaks": file_judges.gitleaks_files(tree) + file_judges.gitleaks_history(subjects.ROOT),
        "checkov": file_judges.checkov_dockerfiles(dockerfiles, tree) if dockerfiles else [],
    }


@pytest.fixture(scope="session")
def exceptions() -> list[Allowed]:
    """The table of what is let pass."""
    return read_exceptions(EXCEPTIONS.read_text(), {*MANIFEST_TOOLS, *FILE_TOOLS}, VARIANTS)
