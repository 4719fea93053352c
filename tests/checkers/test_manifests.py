"""No checker of Kubernetes objects finds anything without a written reason, and each sees the faults that it is here for."""

from pathlib import Path

import pytest

from tests.checkers.checker_inputs import VARIANTS, with_pods, written
from tests.checkers.finding import Allowed, unexplained
from tests.checkers.manifest_checkers import MANIFEST_TOOLS, JudgeManifests
from tests.checkers.manifest_mutations import FAULTS, Fault, plant


@pytest.mark.parametrize("stack", VARIANTS)
@pytest.mark.parametrize("tool", MANIFEST_TOOLS)
def test_nothing_is_found_without_a_written_reason(
    tool: str, stack: str, judge: JudgeManifests, objects: Path, exceptions: list[Allowed]
) -> None:
    found = [each for each in judge(tool, objects).findings if each.stack == stack]

    assert unexplained(found, exceptions) == []


def test_kubeconform_looks_at_every_object(judge: JudgeManifests, objects: Path) -> None:
    assert judge("kubeconform", objects).judged == written(objects)


@pytest.mark.parametrize("tool", ["checkov", "kube-score"])
def test_every_workload_is_looked_at(tool: str, judge: JudgeManifests, objects: Path) -> None:
    workloads = with_pods(objects)

    assert {stack for stack, _ in workloads} == set(VARIANTS)
    assert workloads <= judge(tool, objects).judged


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """For each tool the local stack once for each of its faults, in a folder of the fault's name."""
    folders = {tool: tmp_path_factory.mktemp(f"planted-{tool}") for tool in MANIFEST_TOOLS}
    for tool, folder in folders.items():
        plant(folder, [fault for fault in FAULTS if fault.tool == tool])
    return folders


@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_a_planted_fault_is_seen(fault: Fault, judge: JudgeManifests, planted: dict[str, Path], objects: Path) -> None:
    before = {(each.check, each.object) for each in judge(fault.tool, objects).findings if each.stack == "local"}
    after = {
        (each.check, each.object)
        for each in judge(fault.tool, planted[fault.tool]).findings
        if each.stack == str(fault)
    }

    assert fault.check in {check for check, _ in after - before}
