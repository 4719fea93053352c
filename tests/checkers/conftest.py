"""Fixtures of the checkers' tests: each tool looks once at all stacks, or once at the repository."""

from functools import cache
from pathlib import Path

import pytest

from tests.checkers import checker_inputs, file_checkers, manifest_checkers
from tests.checkers.file_checkers import FILE_TOOLS
from tests.checkers.finding import EXCEPTIONS, Allowed, CheckResult, Finding, read_exceptions
from tests.checkers.manifest_checkers import MANIFEST_TOOLS, CheckManifests
from tests.checkers.schemas import write_schemas
from tests.support.embedded_cluster import EmbeddedCluster
from tests.support.once_a_run import once_a_run
from tests.support.operator_crds import install_operator_crds
from tests.support.variants import VARIANTS


@pytest.fixture(scope="session")
def objects(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every object of every stack, one a file."""

    def make(folder: Path) -> Path:
        checker_inputs.write_stacks(folder)
        return folder

    return once_a_run(tmp_path_factory, "objects", make)


@pytest.fixture(scope="session")
def schemas(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What an API server publishes that also knows the Prometheus Operator's kinds; it is gone again when this returns."""

    def make(folder: Path) -> Path:
        with EmbeddedCluster(tmp_path_factory.mktemp("cluster")).running() as embedded:
            install_operator_crds(embedded)
            write_schemas(embedded, folder)
        return folder

    return once_a_run(tmp_path_factory, "schemas", make)


@pytest.fixture(scope="session")
def check_manifests(
    request: pytest.FixtureRequest, objects: Path, tmp_path_factory: pytest.TempPathFactory
) -> CheckManifests:
    """``check_manifests(tool, folder)``: what this checker of manifests says about the files below a folder; asked once."""

    def answer(tool: str, folder: Path) -> CheckResult:
        match tool:
            case "kubeconform":
                return manifest_checkers.kubeconform(folder, request.getfixturevalue("schemas"))
            case "checkov":
                return manifest_checkers.checkov(folder)
            case _:
                return manifest_checkers.kube_score(folder)

    @cache
    def ask(tool: str, folder: Path) -> CheckResult:
        if folder == objects:
            return once_a_run(tmp_path_factory, f"objects-{tool}", lambda _: answer(tool, folder))
        return answer(tool, folder)

    return ask


@pytest.fixture(scope="session")
def about_files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Finding]]:
    """What each checker of the repository's files says about them."""
    return once_a_run(tmp_path_factory, "repository", _check_files)


def _check_files(scratch: Path) -> dict[str, list[Finding]]:
    tree = scratch / "tree"
    checker_inputs.copy_repository(tree)
    checker_inputs.write_service_dockerfiles(tree)
    workflows = sorted((tree / ".github/workflows").glob("*.y*ml"))
    dockerfiles = checker_inputs.dockerfiles(tree)
    return {
        "zizmor": file_checkers.zizmor(tree / ".github", tree),
        "actionlint": file_checkers.actionlint(workflows, tree, scratch),
        "shellcheck": file_checkers.shellcheck(checker_inputs.shell_scripts(tree), tree),
        "hadolint": file_checkers.hadolint(dockerfiles, tree, scratch) if dockerfiles else [],
        "gitleaks": file_checkers.gitleaks_files(tree) + file_checkers.gitleaks_history(checker_inputs.ROOT),
        "checkov": file_checkers.checkov_dockerfiles(dockerfiles, tree) if dockerfiles else [],
    }


@pytest.fixture(scope="session")
def exceptions() -> list[Allowed]:
    """The table of what is let pass."""
    return read_exceptions(EXCEPTIONS.read_text(), {*MANIFEST_TOOLS, *FILE_TOOLS}, VARIANTS)
