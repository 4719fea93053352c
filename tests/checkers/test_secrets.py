"""No secret lies in the repository or its history, and planted ones of each kind are found. They are made here: none is real."""

import base64
import secrets
import string
import subprocess
from pathlib import Path

import pytest

from tests.checkers.file_checkers import gitleaks_files, gitleaks_history
from tests.checkers.finding import Allowed, Finding, unexplained


def letters(count: int, alphabet: str = string.ascii_letters + string.digits) -> str:
    return "".join(secrets.choice(alphabet) for _ in range(count))


def key() -> str:
    """Letters and digits in turn: gitleaks takes a key that spells a word (home, data) for none, and one in a hundred does."""
    return "".join(secrets.choice(kind) for kind in (string.ascii_letters, string.digits) * 20)


def planted() -> dict[str, tuple[str, str]]:
    """File to (its text, the rule that must find it)."""
    capitals = string.ascii_uppercase + "234567"
    private = base64.b64encode(secrets.token_bytes(600)).decode()
    digits = string.digits
    return {
        "key.pem": ("-----BEGIN " + f"PRIVATE KEY-----\n{private}\n-----END PRIVATE KEY-----\n", "private-key"),
        "aws.yaml": (f"access: AKIA{letters(16, capitals)}\n", "aws-access-token"),
        "github.sh": (f"export TOKEN=ghp_{letters(36)}\n", "github-pat"),
        "slack.py": (f'TOKEN = "xoxb-{letters(12, digits)}-{letters(12, digits)}-{letters(24)}"\n', "slack-bot-token"),
        "hook.yaml": (
            f"url: https://hooks.slack.com/services/T{letters(9, capitals)}/B{letters(9, capitals)}/{letters(24)}\n",
            "slack-webhook-url",
        ),
        "secrets.env": (f"COINBASE_API_KEY={key()}\n", "generic-api-key"),
        "allowed.env": (f"COINBASE_API_KEY={key()} # gitleaks:allow\n", "generic-api-key"),
    }


def test_the_repository_and_its_history_hold_no_secret(
    about_files: dict[str, list[Finding]], exceptions: list[Allowed]
) -> None:
    assert unexplained(about_files["gitleaks"], exceptions) == []


@pytest.mark.parametrize("name", planted())
def test_a_planted_secret_is_found(name: str, tmp_path: Path) -> None:
    text, rule = planted()[name]
    (tmp_path / name).write_text(text)
    (tmp_path / ".gitleaks.toml").write_text("[allowlist]\npaths = ['''.*''']\n")  # has no say

    assert (rule, name) in {(finding.check, finding.object.partition("#")[0]) for finding in gitleaks_files(tmp_path)}


def test_another_secret_in_the_same_file_has_another_name(tmp_path: Path) -> None:
    (tmp_path / "secrets.env").write_text(planted()["secrets.env"][0] + planted()["secrets.env"][0])

    assert len({finding.object for finding in gitleaks_files(tmp_path)}) == 2


def test_a_list_of_secrets_to_ignore_is_seen(tmp_path: Path) -> None:
    (tmp_path / "secrets.env").write_text(planted()["secrets.env"][0])
    (tmp_path / ".gitleaksignore").write_text("secrets.env:generic-api-key:1\n")

    assert [finding.check for finding in gitleaks_files(tmp_path)] == ["ignored"]


def test_a_secret_that_was_removed_again_is_found_in_the_history(tmp_path: Path) -> None:
    git = ["git", "-C", str(tmp_path), "-c", "user.name=x", "-c", "user.email=x@example.com"]
    file = tmp_path / "secrets.env"

    def commit(text: str) -> None:
        file.write_text(text)
        subprocess.run([*git, "add", "."], check=True)
        subprocess.run([*git, "commit", "--quiet", "--no-gpg-sign", "--message", "x"], check=True)

    subprocess.run([*git, "init", "--quiet"], check=True)
    commit(planted()["secrets.env"][0])
    commit("nothing\n")

    assert gitleaks_files(tmp_path) == []
    assert [finding.check for finding in gitleaks_history(tmp_path)] == ["generic-api-key"]
