"""The checkers of the repository's own files: workflows, shell scripts, Dockerfiles, and secrets anywhere.

Checkov has policies of workflows too, but passes over a file in silence where its schema of them is out of date.
"""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from tests.checkers.command import answer
from tests.checkers.finding import Finding
from tests.checkers.manifest_checkers import checkov_results

FILE_TOOLS = ("actionlint", "gitleaks", "hadolint", "shellcheck", "zizmor")
_GITLEAKS_CONFIGURATION = Path(__file__).with_name("gitleaks.toml")

_IGNORED = ".gitleaksignore"


def zizmor(workflows: Path, root: Path) -> list[Finding]:
    """As its strictest persona; comments that ignore a finding and configuration files do not count."""
    flags = ["--offline", "--persona=auditor", "--no-ignores", "--no-config", "--strict-collection", "--format=json"]
    said = answer(["zizmor", "--quiet", "--no-exit-codes", *flags, workflows], root)
    findings: list[Finding] = []
    for result in json.loads(said.stdout):
        primary = next(each for each in result["locations"] if each["symbolic"]["kind"] == "Primary")
        file = primary["symbolic"]["key"]["Local"]["verbatim_path"]
        line = primary["concrete"]["location"]["start_point"]["row"] + 1
        findings.append(
            Finding(
                tool="zizmor",
                check=result["ident"],
                object=str((root / file).relative_to(root)),
                message=f"line {line}: {result['desc']}",
            )
        )
    return findings


def actionlint(workflows: Sequence[Path], root: Path, scratch: Path) -> list[Finding]:
    """With shellcheck for the scripts inside; the repository's configuration for it does not count."""
    nothing = scratch / "actionlint.yaml"
    nothing.write_text("{}\n")
    flags = ["-format", "{{json .}}", "-config-file", nothing, "-shellcheck", "shellcheck", "-pyflakes", ""]
    said = answer(["actionlint", *flags, *workflows], root)
    return [
        Finding(
            tool="actionlint",
            check=result["kind"],
            object=str((root / result["filepath"]).relative_to(root)),
            message=f"line {result['line']}: {result['message']}",
        )
        for result in json.loads(said.stdout)
    ]


def shellcheck(scripts: Sequence[Path], root: Path) -> list[Finding]:
    """All of its levels."""
    said = answer(["shellcheck", "--norc", "--format=json", *scripts], root)
    return [
        Finding(
            tool="shellcheck",
            check=f"SC{result['code']}",
            object=str(Path(result["file"]).relative_to(root)),
            message=f"line {result['line']}: {result['message']}",
        )
        for result in json.loads(said.stdout)
    ]


def hadolint(dockerfiles: Sequence[Path], root: Path, scratch: Path) -> list[Finding]:
    """Comments that ignore a rule and the repository's configuration for it do not count."""
    nothing = scratch / "hadolint.yaml"
    nothing.write_text("{}\n")
    said = answer(["hadolint", "--disable-ignore-pragma", "--config", nothing, "--format=json", *dockerfiles], root)
    return [
        Finding(
            tool="hadolint",
            check=result["code"],
            object=str(Path(result["file"]).relative_to(root)),
            message=f"line {result['line']}: {result['message']}",
        )
        for result in json.loads(said.stdout)
    ]


def checkov_dockerfiles(dockerfiles: Sequence[Path], root: Path) -> list[Finding]:
    """Its policies of Dockerfiles; comments that skip one count as findings, and so does a file that it passes over in silence."""
    results = checkov_results("dockerfile", root)
    findings = [
        Finding(
            tool="checkov",
            check=result["check_id"],
            object=result["file_path"].lstrip("/"),
            message=result["check_name"],
        )
        for result in results
        if result["check_result"]["result"] != "PASSED"
    ]
    checked = {result["file_path"].lstrip("/") for result in results}
    names = {str(path.relative_to(root)) for path in dockerfiles}
    return findings + [Finding(tool="checkov", check="not checked", object=name) for name in sorted(names - checked)]


def gitleaks_files(folder: Path) -> list[Finding]:
    """Secrets in the files of a folder, each named by its file and a hash of its text, so that nothing else is excused with it."""
    return _gitleaks("dir", folder)


def gitleaks_history(repository: Path) -> list[Finding]:
    """Secrets in anything that a repository ever held, as far back as this clone goes."""
    return _gitleaks("git", repository)


def _gitleaks(mode: str, folder: Path) -> list[Finding]:
    """Comments and configuration that let a secret pass do not count, and the list of those to ignore is a finding itself."""
    flags = ["--no-banner", "--log-level=error", "--ignore-gitleaks-allow"]
    flags += ["--config", str(_GITLEAKS_CONFIGURATION), "--report-format", "json", "--report-path", "-"]
    # Git refuses a repository of another user, as a container's checkout may be.
    trust = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*"}
    said = answer(["gitleaks", mode, *flags, "."], folder, environment=trust)
    found = [
        Finding(
            tool="gitleaks",
            check=result["RuleID"],
            object=f"{result['File']}#{hashlib.sha256(result['Secret'].encode()).hexdigest()[:8]}",
            message=f"line {result['StartLine']} {result['Commit'][:8]}".strip(),
        )
        for result in json.loads(said.stdout)
    ]
    if (folder / _IGNORED).exists():
        found.append(
            Finding(tool="gitleaks", check="ignored", object=_IGNORED, message="gitleaks takes its word for it")
        )
    return found
