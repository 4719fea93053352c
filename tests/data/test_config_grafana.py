"""Grafana's configuration is hardened, and its data sources lead to each other. (Grafana itself cannot be built here.)"""

import configparser
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

GRAFANA = Path(__file__).parents[2] / "config/grafana"

# Sources: Grafana's page on security hardening; its configuration reference.
HARDENED = {
    ("analytics", "check_for_plugin_updates"): "false",
    ("analytics", "check_for_updates"): "false",
    ("analytics", "feedback_links_enabled"): "false",
    ("analytics", "reporting_enabled"): "false",
    ("auth", "login_cookie_name"): "__Host-grafana_session",
    ("auth.anonymous", "enabled"): "false",
    ("auth.anonymous", "hide_version"): "true",
    ("news", "news_feed_enabled"): "false",
    ("plugins", "plugin_admin_enabled"): "false",
    ("plugins", "preinstall_auto_update"): "false",
    ("plugins", "preinstall_disabled"): "true",
    ("security", "allow_embedding"): "false",
    ("security", "content_security_policy"): "true",
    ("security", "cookie_samesite"): "strict",
    ("security", "cookie_secure"): "true",
    ("security", "disable_gravatar"): "true",
    ("security", "strict_transport_security"): "true",
    ("security", "x_content_type_options"): "true",
    ("server", "enforce_domain"): "true",
    ("snapshots", "external_enabled"): "false",
    ("users", "allow_org_create"): "false",
    ("users", "allow_sign_up"): "false",
}


def _ini() -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string((GRAFANA / "grafana.ini").read_text())
    return parser


@pytest.mark.parametrize(("section", "key"), HARDENED)
def test_a_hardening_value_is_set(section: str, key: str) -> None:
    assert _ini().get(section, key) == HARDENED[section, key]


def test_no_secret_stands_in_the_configuration() -> None:
    named = {
        key
        for section in _ini().values()
        for key in section
        if re.search("password|secret_key|token|client_secret", key)
    }
    assert named == set()


def test_the_content_security_policy_lets_nobody_frame_and_no_plugin_run() -> None:
    policy = _ini().get("security", "content_security_policy_template")
    directives = dict(part.strip().split(" ", 1) for part in policy.strip('"').split(";") if part.strip())
    assert directives["object-src"] == "'none'"
    assert directives["frame-ancestors"] == "'none'"
    assert "$NONCE" in directives["script-src"]


def _sources() -> dict[str, dict[str, Any]]:
    return {
        source["uid"]: source for source in yaml.safe_load((GRAFANA / "datasources.yaml").read_text())["datasources"]
    }


def _uids(item: Any) -> list[str]:
    if isinstance(item, dict):
        return [value for key, value in item.items() if key == "datasourceUid"] + [
            uid for value in item.values() for uid in _uids(value)
        ]
    return [uid for value in item for uid in _uids(value)] if isinstance(item, list) else []


def test_the_data_sources_are_the_three_stores_read_only_and_without_credentials() -> None:
    sources = _sources()
    assert set(sources) == {"prometheus", "loki", "jaeger"}
    assert [uid for uid, source in sources.items() if source.get("isDefault")] == ["prometheus"]
    for uid, source in sources.items():
        assert source["type"] == uid
        assert source["editable"] is False
        assert source["url"] == f"${{{uid.upper()}_URL}}"
        assert not {"secureJsonData", "basicAuthPassword", "password"} & set(source)


def test_every_link_leads_to_a_data_source_that_exists() -> None:
    sources = _sources()
    links = {uid: sorted(_uids(source["jsonData"])) for uid, source in sources.items()}
    assert links == {"prometheus": ["jaeger"], "loki": ["jaeger"], "jaeger": ["loki", "prometheus"]}


def test_what_grafana_fills_in_itself_is_escaped_from_the_environment() -> None:
    text = (GRAFANA / "datasources.yaml").read_text()
    assert set(re.findall(r"(?<!\$)\$\{(\w+)\}", text)) == {"PROMETHEUS_URL", "LOKI_URL", "JAEGER_URL"}
    assert re.findall(r"(?<!\$)\$\{__", text) == []


def test_dashboards_come_from_files_alone() -> None:
    (provider,) = yaml.safe_load((GRAFANA / "dashboards.yaml").read_text())["providers"]
    assert provider["allowUiUpdates"] is False
    assert provider["disableDeletion"] is True
    assert provider["options"]["path"] == "/etc/grafana/dashboards"
