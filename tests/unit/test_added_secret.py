"""A secret is one entry: in a copy two are added, a service's token and a receiver of alerts, and everything else follows.

The receiver is named in one other file, ``config/alertmanager/alertmanager.yaml``, as each integration has fields of its own.
"""

import json
import secrets
from typing import Any

import pytest
import yaml

from tests.support.synthesis import SECRET, Program, synthesise
from tests.unit.edited_copy import EditedCopy
from tests.unit.reachability import Address, Pod, Reachability

ENTRIES = """\
    "reportsToken": SecretSpec(
        kind="token", description="ops-bot's token of the reports", services=("ops-bot",), variable="REPORTS_TOKEN"
    ),
    "chatWebhookUrl": SecretSpec(
        kind="url",
        description="alerts to a chat",
        mounted_by={"alertmanager": "chat-url"},
        variable="CHAT_WEBHOOK_URL",
        receiver=True,
    ),
"""
FILE = "/etc/alertmanager/secrets/chat-url"
BLOCKS = {
    "page": f"    discord_configs: &chat\n      - webhook_url_file: {FILE}\n        send_resolved: true\n",
    "notify": "    discord_configs: *chat\n",
    "inform": f"    discord_configs:\n      - webhook_url_file: {FILE}\n        send_resolved: false\n",
}
"""The integration of the new receiver, by those of Alertmanager's receivers that people hear."""
TOKEN, URL = secrets.token_hex(16), f"https://chat.example.com/{secrets.token_hex(16)}"
CONFIGURED = {"atlas:reportsToken": TOKEN, "atlas:chatWebhookUrl": URL}


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> EditedCopy:
    made = EditedCopy(tmp_path_factory.mktemp("copy"))
    made.insert("settings/secret_table.py", "SECRETS: Mapping[str, SecretSpec] = {", ENTRIES)
    for receiver, block in BLOCKS.items():
        made.insert("config/alertmanager/alertmanager.yaml", f"  - name: {receiver}", block)
    return made


@pytest.fixture(scope="module")
def programs(copy: EditedCopy) -> dict[str, Program]:
    return copy.declare(
        {"configured": ("local", {}, CONFIGURED), "without": ("local",), "prod": ("prod", {}, CONFIGURED)}
    )


@pytest.fixture(scope="module", params=["configured", "prod"])
def program(request: pytest.FixtureRequest, programs: dict[str, Program]) -> Program:
    return programs[request.param]


def references(program: Program) -> dict[str, dict[str, tuple[str, str]]]:
    """By workload, its variables from Secrets: the Secret's name and its key."""
    return {
        workload.name: {
            each["name"]: tuple(each["valueFrom"]["secretKeyRef"].values())
            for container in pod["containers"]
            for each in container.get("env", ())
            if "secretKeyRef" in each.get("valueFrom", {})
        }
        for workload, pod in program.pods()
    }


def data(program: Program, secret: str) -> dict[str, str]:
    return program.one("Secret", secret).inputs["stringData"]


def test_the_service_that_reads_it_has_its_variable_and_no_other_has(program: Program) -> None:
    found = references(program)
    key, secret = sorted(found["ops-bot"]["REPORTS_TOKEN"], key=lambda each: each != "reportsToken")
    assert key == "reportsToken"
    assert secret.startswith("ops-bot-")
    assert [workload for workload, variables in found.items() if "REPORTS_TOKEN" in variables] == ["ops-bot"]
    assert data(program, "ops-bot")["reportsToken"] == SECRET


def test_it_is_a_secret_of_the_state_and_nowhere_else(program: Program) -> None:
    everything = json.dumps([each.inputs for each in program.resources]) + json.dumps(program.exports)
    assert TOKEN not in everything
    assert URL not in everything
    holders = {each.name for each in program.of_kind("Secret") if {"reportsToken", "chat-url"} & data_keys(each.inputs)}
    assert holders == {"ops-bot", "alertmanager"}
    assert {each.kind for each in program.resources if SECRET in json.dumps(each.inputs)} == {"Secret"}


def data_keys(secret: dict[str, Any]) -> set[str]:
    return set(secret["stringData"])


def integrations(program: Program) -> dict[str, list[Any]]:
    """The new integration, by the receivers that have it."""
    text = next(
        each.inputs["data"]["alertmanager.yaml"]
        for each in program.of_kind("ConfigMap")
        if each.name == "alertmanager-config"
    )
    receivers = yaml.safe_load(text)["receivers"]
    return {each["name"]: each["discord_configs"] for each in receivers if "discord_configs" in each}


def test_the_receiver_has_its_file_and_its_block(program: Program) -> None:
    assert data(program, "alertmanager")["chat-url"] == SECRET
    assert integrations(program) == {
        receiver: [{"webhook_url_file": FILE, "send_resolved": receiver != "inform"}] for receiver in BLOCKS
    }
    network = Reachability(tuple(policy.inputs for policy in program.of_kind("NetworkPolicy")))
    assert network.allows(Pod("observability", "alertmanager"), Address("203.0.113.7"), 443)


def test_what_is_not_configured_leaves_nothing(programs: dict[str, Program]) -> None:
    """As in a repository without the entries."""
    before = {(each.kind, each.name): each.inputs for each in synthesise("local").resources}
    assert {(each.kind, each.name): each.inputs for each in programs["without"].resources} == before


def test_one_receiver_is_enough_for_production_whichever_it_is(copy: EditedCopy) -> None:
    answer = copy.evaluate(
        "from settings.consistency import find_inconsistencies\n"
        "from settings.model import Prometheus\n"
        "def missing(*keys):\n"
        "    parts = {'prometheus': Prometheus.model_validate({'replicas': 2})}\n"
        "    found = find_inconsistencies(parts, 'prod', {'deadMansSwitchUrl', *keys})\n"
        "    return [each.path[0] for each in found if 'no alert would reach anybody' in each.what]\n"
        "answer = [missing(), missing('chatWebhookUrl')]"
    )
    assert answer == [["alertWebhookUrl"], []]


def test_it_is_refused_in_clear_or_misshapen(copy: EditedCopy) -> None:
    in_clear = copy.refusal("local", {"atlas:reportsToken": TOKEN})
    assert "reportsToken: is a secret stored in clear" in in_clear
    assert TOKEN not in in_clear
    assert "chatWebhookUrl: " in copy.refusal("local", {}, {"atlas:chatWebhookUrl": "no address"})


def test_the_platforms_own_file_of_secrets_may_have_it(copy: EditedCopy) -> None:
    file = copy.root / "conf/secrets.env"
    file.parent.mkdir()
    file.write_text(f"REPORTS_TOKEN={TOKEN}\nCHAT_WEBHOOK_URL={URL}\nANYTHING=else\n")
    file.chmod(0o600)
    found = copy.evaluate(
        "from pathlib import Path\n"
        "from tools.secrets_env import read\n"
        "found = read(Path('conf/secrets.env'))\n"
        "answer = [dict(found.secrets), list(found.unused)]"
    )
    assert found == [{"reportsToken": TOKEN, "chatWebhookUrl": URL}, ["ANYTHING"]]


def test_editors_and_the_documents_know_them(copy: EditedCopy) -> None:
    schema, page = copy.evaluate(
        "from settings.json_schema import stack_file_schema\n"
        "from settings.markdown import rendered\n"
        "answer = [stack_file_schema(), rendered()]"
    )
    keys = schema["properties"]["config"]["properties"]
    assert keys["atlas:reportsToken"] == {
        "description": "secret: ops-bot's token of the reports",
        "allOf": [{"$ref": "#/definitions/secret"}],
    }
    assert "| `atlas:reportsToken` | ops-bot's token of the reports |" in page.splitlines()
    assert "| `atlas:chatWebhookUrl` | alerts to a chat |" in page.splitlines()
