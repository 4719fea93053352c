"""The checkers of Kubernetes objects. Each reads the files of ``checker_inputs.write``; every finding leads back to its object."""

import json
from collections import defaultdict
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from components.namespaces import POD_SECURITY_VERSION
from tests.checkers.checker_inputs import object_of
from tests.checkers.command import answer
from tests.checkers.finding import CheckResult, Finding
from tests.checkers.schemas import LOCATION

MANIFEST_TOOLS = ("checkov", "kube-score", "kubeconform")
CheckManifests = Callable[[str, Path], CheckResult]
"""(tool, folder)"""
_BEST_GRADE = 10


def kubeconform(folder: Path, schemas: Path) -> CheckResult:
    """The schema of each kind, unknown keys refused. An object without a schema is a finding."""
    location = f"{schemas}/{LOCATION}"
    said = answer(
        ["kubeconform", "-strict", "-verbose", "-output", "json", "-schema-location", location, folder], folder
    )
    findings: list[Finding] = []
    checked: set[tuple[str, str]] = set()
    for resource in json.loads(said.stdout)["resources"]:
        stack, name = object_of(resource["filename"], folder)
        checked.add((stack, name))
        if resource["status"] != "statusValid":
            findings.append(
                Finding(
                    tool="kubeconform",
                    check=resource["status"].removeprefix("status").lower(),
                    object=name,
                    stack=stack,
                    message=resource["msg"],
                )
            )
    return CheckResult(findings=findings, checked=checked)


def checkov(folder: Path) -> CheckResult:
    """Its Kubernetes policies; annotations that skip one count as findings."""
    findings: list[Finding] = []
    checked: set[tuple[str, str]] = set()
    for result in checkov_results("kubernetes", folder):
        stack, name = object_of(result["file_path"].lstrip("/"), folder)
        checked.add((stack, name))
        if result["check_result"]["result"] != "PASSED":
            findings.append(
                Finding(
                    tool="checkov",
                    check=result["check_id"],
                    object=name,
                    stack=stack,
                    message=f"{result['check_name']} ({result['resource']})",
                )
            )
    return CheckResult(findings=findings, checked=checked)


def kube_score(folder: Path) -> CheckResult:
    """All but its best grade is a finding; annotations that ignore a check do not count. Judges a stack as a whole."""
    by_stack: dict[str, list[Path]] = defaultdict(list)
    for path in sorted(folder.rglob("*.yaml")):
        by_stack[object_of(path, folder)[0]].append(path)
    findings: list[Finding] = []
    checked: set[tuple[str, str]] = set()
    for paths in by_stack.values():
        flags = ["--output-format", "json", "--kubernetes-version", POD_SECURITY_VERSION]
        flags += ["--disable-ignore-checks-annotations", "--disable-optional-checks-annotations"]
        said = answer(["kube-score", "score", *flags, *paths], folder)
        for scored in json.loads(said.stdout):
            stack, name = object_of(scored["file_name"], folder)
            checked.add((stack, name))
            for check in scored["checks"]:
                if not check["skipped"] and check["grade"] < _BEST_GRADE:
                    comments = [f"{c['path']}: {c['summary']}".removeprefix(": ") for c in check["comments"] or []]
                    findings.append(
                        Finding(
                            tool="kube-score",
                            check=check["check"]["id"],
                            object=name,
                            stack=stack,
                            message="; ".join(comments) or check["check"]["comment"],
                        )
                    )
    return CheckResult(findings=findings, checked=checked)


@cache
def checkov_results(framework: str, folder: Path) -> list[dict[str, Any]]:
    """Every check that it made below a folder, whatever came out; asked once. Fails when it made none or could not read a file."""
    flags = ["--framework", framework, "--directory", folder, "--output", "json", "--compact", "--skip-download"]
    said = answer(["checkov", *flags], folder, environment={"CKV_SKIP_PACKAGE_UPDATE_CHECK": "true"})
    report = json.loads(said.stdout)
    assert "results" in report, f"checkov found nothing to judge in {folder}"
    results: dict[str, list[Any]] = report["results"]
    assert not results["parsing_errors"], results["parsing_errors"]
    return results["passed_checks"] + results["failed_checks"] + results["skipped_checks"]
