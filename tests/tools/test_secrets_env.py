"""The platform's own file of variables: what is taken from it, and when it is refused."""

import secrets
import subprocess
from pathlib import Path

import pytest

from tools.secrets_env import SecretsEnvError, read


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    """A folder with a private file of variables and the private key that it names."""
    folder = tmp_path / "conf"
    folder.mkdir()
    private(folder / "secrets.env", "")
    private(folder / "coinbase_private_key.pem", pem())
    return folder


def private(file: Path, text: str) -> Path:
    file.touch(mode=0o600)
    file.write_text(text)
    return file


def pem() -> str:
    begin, end = (f"-----{word} PRIVATE KEY-----" for word in ("BEGIN", "END"))
    return f"{begin}\n{secrets.token_urlsafe(48)}\n{end}\n"


def test_variables_become_the_secrets_of_the_services_that_read_them(conf: Path) -> None:
    password, token = secrets.token_urlsafe(16), secrets.token_urlsafe(16)
    file = private(
        conf / "secrets.env",
        f"# the platform's\nPOSTGRES_PASSWORD={password}\nexport SLACK_BOT_TOKEN='{token}'\nTEAMS_WEBHOOK_URL=\n"
        "POSTGRES_USER=atlas\nCOINBASE_API_SECRET_FILE=/app/conf/coinbase_private_key.pem\n",
    )
    found = read(file)
    key = (conf / "coinbase_private_key.pem").read_text()
    assert found.secrets == {"postgresPassword": password, "slackBotToken": token, "coinbaseApiSecret": key}
    assert found.unused == ("POSTGRES_USER",)


def test_receivers_of_alerts_can_be_given_for_this_machine(conf: Path) -> None:
    private(
        conf / "secrets.env",
        "ALERT_WEBHOOK_URL=http://people.example/x\nDEAD_MANS_SWITCH_URL=http://people.example/y\n",
    )
    found = read(conf / "secrets.env")
    assert found.secrets == {
        "alertWebhookUrl": "http://people.example/x",
        "deadMansSwitchUrl": "http://people.example/y",
    }


def test_a_value_is_taken_as_it_stands(conf: Path) -> None:
    file = private(conf / "secrets.env", "POSTGRES_PASSWORD='a$HOME${b}#c'\n")
    assert read(file).secrets == {"postgresPassword": "a$HOME${b}#c"}


@pytest.mark.parametrize("name", ["secrets.env", "coinbase_private_key.pem"])
def test_what_others_can_read_is_refused(conf: Path, name: str) -> None:
    private(conf / "secrets.env", "COINBASE_API_SECRET_FILE=coinbase_private_key.pem\n")
    read(conf / "secrets.env")
    (conf / name).chmod(0o640)
    with pytest.raises(SecretsEnvError, match=rf"{name} can be read by others; fix: chmod 600"):
        read(conf / "secrets.env")


def test_what_git_tracks_is_refused(conf: Path) -> None:
    for command in (["init", "--quiet"], ["add", "secrets.env"]):
        subprocess.run(["git", "-C", str(conf), *command], check=True)
    with pytest.raises(SecretsEnvError, match=r"tracked by git.* git rm --cached"):
        read(conf / "secrets.env")


def test_a_link_to_elsewhere_is_refused(conf: Path, tmp_path: Path) -> None:
    elsewhere = private(tmp_path / "elsewhere.env", "")
    (conf / "secrets.env").unlink()
    (conf / "secrets.env").symlink_to(elsewhere)
    with pytest.raises(SecretsEnvError, match="is a link to"):
        read(conf / "secrets.env")


def test_a_key_file_that_is_not_there_is_named(conf: Path) -> None:
    file = private(conf / "secrets.env", "COINBASE_API_SECRET_FILE=/app/conf/other.pem\n")
    with pytest.raises(SecretsEnvError, match=r"COINBASE_API_SECRET_FILE names /app/conf/other\.pem, and there is no"):
        read(file)
