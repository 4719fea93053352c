"""No checker of Kubernetes objects finds anything without a written reason, and each sees the faults that it is here for."""

from pathlib import Path

import pytest

from tests.checkers.checker_inputs import VARIANTS, with_pods, written
from tests.checkers.finding import Allowed, unexplained
from tests.checkers.manifest_checkers import MANIFEST_TOOLS, CheckManifests
from tests.checkers.manifest_mutations import MUTATIONS, Mutation, write_mutated


@pytest.mark.parametrize("stack", VARIANTS)
@pytest.mark.parametrize("tool", MANIFEST_TOOLS)
def test_nothing_is_found_without_a_written_reason(
    tool: str, stack: str, check_manifests: CheckManifests, objects: Path, exceptions: list[Allowed]
) -> None:
    found = [each for each in check_manifests(tool, objects).findings if each.stack == stack]

    assert unexplained(found, exceptions) == []


def test_kubeconform_looks_at_every_object(check_manifests: CheckManifests, objects: Path) -> None:
    assert check_manifests("kubeconform", objects).checked == written(objects)


@pytest.mark.parametrize("tool", ["checkov", "kube-score"])
def test_every_workload_is_looked_at(tool: str, check_manifests: CheckManifests, objects: Path) -> None:
    workloads = with_pods(objects)

    assert {stack for stack, _ in workloads} == set(VARIANTS)
    assert workloads <= check_manifests(tool, objects).checked


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """For each tool the local stack once for each of its mutations, in a folder of that name."""
    folders = {tool: tmp_path_factory.mktemp(f"planted-{tool}") for tool in MANIFEST_TOOLS}
    for tool, folder in folders.items():
        write_mutated(folder, [mutation for mutation in MUTATIONS if mutation.tool == tool])
    return folders


@pytest.mark.parametrize("mutation", MUTATIONS, ids=str)
def test_a_planted_fault_is_seen(
    mutation: Mutation, check_manifests: CheckManifests, planted: dict[str, Path], objects: Path
) -> None:
    before = {
        (each.check, each.object) for each in check_manifests(mutation.tool, objects).findings if each.stack == "local"
    }
    after = {
        (each.check, each.object)
        for each in check_manifests(mutation.tool, planted[mutation.tool]).findings
        if each.stack == str(mutation)
    }

    assert mutation.check in {check for check, _ in after - before}
