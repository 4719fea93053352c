"""What ``make`` does with a stack: the local one needs nothing, any other one everything from its user. No tracked file changes."""

import json
import os
import secrets
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.support.repository import ROOT
from tools import stack as stack_module
from tools.image_loader import with_overlay
from tools.stack import Stack, StackError

USER_VARIABLES = ("KUBECONFIG", "PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE", "PULUMI_BACKEND_URL")


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The project's own files, in a folder whose ``.local`` is empty but for the tools."""
    clone = tmp_path / "clone"
    clone.mkdir()
    for file in ROOT.glob("Pulumi*.yaml"):
        shutil.copy(file, clone)
    (clone / ".local").mkdir()
    (clone / ".local/bin").symlink_to(ROOT / ".local/bin")
    (clone / ".venv").symlink_to(ROOT / ".venv")
    monkeypatch.setattr(stack_module, "ROOT", clone)
    monkeypatch.setattr(stack_module, "PRIVATE", clone / ".local")
    monkeypatch.setattr(stack_module, "PASSPHRASE", clone / ".local/passphrase")
    for name in USER_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    return clone


def prepare(name: str) -> Stack:
    stack = Stack(name)
    stack._prepare()
    return stack


def configurations(clone: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in clone.glob("Pulumi*.yaml")}


def test_the_services_with_a_public_url_are_those_that_people_open(clone: Path) -> None:
    assert Stack("local")._public_services() == {"api": 8000, "ops-ui": 3000}
    file = clone / "Pulumi.local.yaml"
    text = file.read_text()
    file.write_text(text.replace("    services:\n", "    services:\n      ops-bot: {url: http://localhost:8080}\n"))
    assert Stack("local")._public_services() == {"api": 8000, "ops-ui": 3000, "ops-bot": 8080}
    file.write_text(text.replace("    services:\n", "    services:\n      ops-bot: {urll: x}\n"))
    with pytest.raises(StackError, match=r"atlas:platform in Pulumi.local.yaml is not valid"):
        Stack("local")._public_services()


def test_the_local_stack_gets_a_passphrase_of_its_own_once(clone: Path) -> None:
    before = configurations(clone)
    prepare("local")
    passphrase = clone / ".local/passphrase"
    first = passphrase.read_text()
    prepare("local")

    assert passphrase.stat().st_mode & 0o777 == 0o600
    assert len(first) >= 32
    assert passphrase.read_text() == first
    assert configurations(clone) == before  # the salt went elsewhere


def test_the_local_configuration_is_the_tracked_one_with_this_clones_salt(clone: Path) -> None:
    prepare("local")
    tracked, salted = clone / "Pulumi.local.yaml", clone / ".local/Pulumi.local.yaml"
    head, _, salt = salted.read_text().rpartition("encryptionsalt: ")
    assert head == tracked.read_text()
    assert salt.startswith("v1:")
    assert salted.stat().st_mode & 0o777 == 0o600

    tracked.write_text(f"{tracked.read_text()}encryptionsalt: v1:somebody:else\n")
    prepare("local")
    assert salted.read_text() == f"{head}encryptionsalt: {salt}"


@pytest.mark.parametrize("name", ["dev", "prod"])
def test_another_stack_demands_its_cluster_and_its_key_from_its_user(clone: Path, name: str) -> None:
    with pytest.raises(StackError) as refusal:
        prepare(name)

    assert "KUBECONFIG must name the kubeconfig" in str(refusal.value)
    assert "the stack's secrets need a key" in str(refusal.value)
    assert not (clone / ".local/passphrase").exists()
    assert not list((clone / ".local/state").iterdir())


def test_a_kubeconfig_that_is_not_there_is_named(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", f"{clone}/Pulumi.yaml:{clone}/none")
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "given by the user")
    with pytest.raises(StackError) as refusal:
        prepare("prod")

    assert str(refusal.value) == f"stack prod cannot be reached:\n- KUBECONFIG names {clone}/none, which does not exist"


@pytest.mark.parametrize("key", ["passphrase", "key service", "Pulumi's service"])
def test_any_key_of_the_users_will_do(clone: Path, monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    monkeypatch.setenv("KUBECONFIG", str(clone / "Pulumi.yaml"))
    match key:
        case "passphrase":
            monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE_FILE", "/some/file")
        case "key service":
            file = clone / "Pulumi.prod.yaml"
            file.write_text(f"secretsprovider: awskms://alias/atlas\n{file.read_text()}")
        case _:
            monkeypatch.setenv("PULUMI_BACKEND_URL", "https://api.pulumi.com")

    Stack("prod")._require_access()


def test_the_state_is_where_the_user_keeps_it_but_the_local_one_stays_local(
    clone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = f"file://{clone}/.local/state?metadata=skip"
    assert Stack("dev").environment["PULUMI_BACKEND_URL"] == here
    monkeypatch.setenv("PULUMI_BACKEND_URL", "s3://states")
    assert Stack("dev").environment["PULUMI_BACKEND_URL"] == "s3://states"
    assert Stack("local").environment["PULUMI_BACKEND_URL"] == here


def test_only_the_local_stack_gets_the_embedded_cluster(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", "/the/users")

    assert Stack("local").environment["KUBECONFIG"] == str(clone / ".local/cluster/kubeconfig")
    assert Stack("dev").environment["KUBECONFIG"] == "/the/users"


def test_only_the_local_stack_is_wiped(clone: Path) -> None:
    with pytest.raises(StackError, match="only the local stack can be wiped"):
        Stack("dev").wipe()


def test_an_unknown_stack_is_answered_with_those_there_are() -> None:
    command = [sys.executable, str(ROOT / "tools/stack.py"), "up", "prd"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)

    assert answer.returncode == 1
    assert (
        answer.stderr
        == "up: there is no stack 'prd': Pulumi.prd.yaml does not exist (stacks: dev, local, local-kind, prod)\n"
    )


def test_the_printed_environment_is_the_one_that_make_uses(clone: Path) -> None:
    command = [sys.executable, str(ROOT / "tools/stack.py"), "env", "local"]
    exports = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    script = f'{exports}\necho "$KUBECONFIG"; echo "$PULUMI_BACKEND_URL"; command -v pulumi'
    answer = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True, env=dict(os.environ))

    local = ROOT / ".local"
    assert answer.stdout.splitlines()[:2] == [str(local / "cluster/kubeconfig"), f"file://{local}/state?metadata=skip"]
    assert answer.stdout.splitlines()[2].endswith("/pulumi")


def test_the_platforms_own_file_gives_the_local_stack_its_secrets_encrypted(
    clone: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    before = configurations(clone)
    first, second = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
    (clone / "conf").mkdir()
    file = clone / "conf/secrets.env"
    file.touch(mode=0o600)
    salted = clone / ".local/Pulumi.local.yaml"

    def taken() -> dict[str, str]:
        stack = prepare("local")
        shown = stack._capture("config", "--show-secrets", "--json", "--stack", "local", *stack._config_file())
        return {key: entry["value"] for key, entry in json.loads(shown.stdout).items() if entry["secret"]}

    file.write_text(f"POSTGRES_PASSWORD={first}\nRABBITMQ_HOST=rabbitmq\n")
    assert taken() == {"atlas:postgresPassword": first}
    once = salted.read_text()
    assert taken() == {"atlas:postgresPassword": first}
    assert salted.read_text() == once, "nothing is encrypted anew while nothing has changed"

    file.write_text(f"COINBASE_PASSPHRASE={second}\n")
    assert taken() == {"atlas:coinbasePassphrase": second}
    file.unlink()
    assert taken() == {}

    said = "".join(capfd.readouterr())
    assert "1 secrets are taken (postgresPassword)" in said
    assert "not used: RABBITMQ_HOST" in said
    for value in (first, second):
        assert value not in said + once + salted.read_text()
    assert configurations(clone) == before


def test_a_file_that_others_can_read_stops_the_local_stack(clone: Path) -> None:
    (clone / "conf").mkdir()
    (clone / "conf/secrets.env").touch(mode=0o644)
    with pytest.raises(StackError, match="chmod 600"):
        prepare("local")


def test_what_this_machine_decides_is_laid_over_the_tracked_file() -> None:
    text = (ROOT / "Pulumi.local.yaml").read_text()
    made = {"loki": "atlas/loki:1234", "api": "atlas/api:5678"}
    laid = {"cluster": {"waitForReady": True}, "images": made, "scaledToZero": ["grafana"]}
    config = yaml.safe_load(with_overlay(text, laid))["config"]

    assert with_overlay(text, {}) == text
    before = yaml.safe_load(text)["config"]
    assert config["atlas:cluster"] == {**before["atlas:cluster"], "waitForReady": True}
    assert config["atlas:images"] == {**before.get("atlas:images", {}), **made}
    assert config["atlas:scaledToZero"] == ["grafana"]
    assert config["atlas:loki"] == before["atlas:loki"]
