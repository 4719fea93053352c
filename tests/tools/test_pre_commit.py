"""The hooks of pre-commit are those of ``make check`` and the search for secrets, and download nothing."""

import re
import secrets
import shlex
import string
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.repository import ROOT

OWN = (".venv/bin/", ".local/bin/")
"""Where set-up puts this clone's tools."""


def hooks() -> dict[str, dict[str, Any]]:
    repositories = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert [each["repo"] for each in repositories] == ["local"], "another repository would be downloaded"
    return {hook["id"]: hook for hook in repositories[0]["hooks"]}


def command(hook: dict[str, Any]) -> list[str]:
    return shlex.split(hook["entry"])


def test_every_hook_is_a_tool_of_this_clone() -> None:
    for name, hook in hooks().items():
        assert hook["language"] == "system", f"{name}: any other language installs something"
        assert command(hook)[0].startswith(OWN), f"{name}: {command(hook)[0]}"
        assert (ROOT / command(hook)[0]).exists(), f"{name}: set-up does not bring {command(hook)[0]}"


def test_the_hooks_are_what_make_check_runs() -> None:
    (recipe,) = re.findall(r"^check:.*\n(?:\t.*\n)*?\t@(ruff .*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    checked = [shlex.split(each) for each in recipe.split("&&")]

    def words(hook: dict[str, Any]) -> list[str]:
        first, *rest = command(hook)
        return [Path(first).name, *(word for word in rest if word != "--force-exclude")]

    assert [words(hook) for name, hook in hooks().items() if name != "gitleaks"] == checked


@pytest.mark.parametrize("secret", [True, False])
def test_a_staged_secret_is_refused(tmp_path: Path, secret: bool) -> None:
    """It is made here, and none of anybody's."""
    token = "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(36))
    (tmp_path / "tests/checkers").mkdir(parents=True)
    (tmp_path / "tests/checkers/gitleaks.toml").write_text((ROOT / "tests/checkers/gitleaks.toml").read_text())
    (tmp_path / "deploy.sh").write_text(f"export TOKEN={'ghp_' + token if secret else '$1'}\n")
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    subprocess.run(["git", "add", "."], cwd=tmp_path, check=True)

    program, *rest = command(hooks()["gitleaks"])
    said = subprocess.run([str(ROOT / program), *rest], cwd=tmp_path, capture_output=True, text=True, check=False)

    assert said.returncode == int(secret), said.stdout + said.stderr
    assert token not in said.stdout + said.stderr
