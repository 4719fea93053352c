"""Who comes by an ingress is asked for who it is: by the services, which are given what to ask for, or by the ingress."""

import json
from typing import Any

import pytest

from tests.support.synthesis import STACKS, Program, stack_configuration, synthesise

NGINX = "nginx.ingress.kubernetes.io/whitelist-source-range"


def given(program: Program, service: str) -> dict[str, Any]:
    """The variables of a service: a text, or the key of its Secret."""
    (pod,) = (spec for each, spec in program.pods() if each.name == service)
    (container,) = pod["containers"]
    return {
        each["name"]: each.get("value") or each["valueFrom"].get("secretKeyRef", {}).get("key")
        for each in container["env"]
    }


def changed(stack: str, **changes: dict[str, Any]) -> dict[str, str]:
    """Settings of ``stack`` with members of theirs changed."""
    values = stack_configuration(stack)
    return {
        f"atlas:{key}": json.dumps(json.loads(values[f"atlas:{key}"]) | members) for key, members in changes.items()
    }


@pytest.mark.parametrize("stack", STACKS)
def test_the_api_is_given_both_tokens_and_ops_ui_its_own_alone(stack: str) -> None:
    program = synthesise(stack)
    api, ops_ui = given(program, "api"), given(program, "ops-ui")
    assert (api["API_TOKEN"], api["OPS_UI_TOKEN"]) == ("apiToken", "opsUiToken")
    assert ops_ui["OPS_UI_TOKEN"] == "opsUiToken"  # noqa: S105 - a key
    assert "API_TOKEN" not in ops_ui
    assert {"API_TOKEN", "OPS_UI_TOKEN"} & given(program, "workers").keys() == set()


@pytest.mark.parametrize("stack", STACKS)
def test_ops_ui_knows_who_may_sign_in(stack: str) -> None:
    ops_ui = given(synthesise(stack), "ops-ui")
    assert (ops_ui["OPS_UI_USER"], ops_ui["OPS_UI_PASSWORD_HASH"]) == ("operator", "opsUiPasswordHash")


def test_the_password_is_generated_where_no_ingress_leads_and_pods_get_its_hash() -> None:
    local, prod = synthesise("local"), synthesise("prod")
    assert local.exports.keys() >= {"apiToken", "opsUiPassword"}
    assert "apiToken" in prod.exports
    assert "opsUiPassword" not in prod.exports
    made = {each.name for each in prod.of_kind("RandomPassword")}
    assert {"api-token", "ops-ui-token"} <= made
    assert "ops-ui-password" not in made


def test_where_the_ingress_asks_the_networks_and_annotations_are_those_of_the_platforms_ways_in() -> None:
    ingress = {"allow": ["192.0.2.0/24", "2001:db8::/32"], "annotations": {"example.com/sign-in": "here"}}
    program = synthesise("dev", changed("dev", platform={"signIn": "ingress"}, ingress=ingress))
    found = {
        each.name: each.inputs["metadata"]["annotations"] for each in program.kubernetes() if each.kind == "Ingress"
    }
    for service in ("api", "ops-ui"):
        assert found[service][NGINX] == "192.0.2.0/24,2001:db8::/32"
        assert found[service]["example.com/sign-in"] == "here"
        assert "cert-manager.io/cluster-issuer" in found[service]
    assert {NGINX, "example.com/sign-in"} & found["grafana"].keys() == set(), "Grafana asks by itself"
