"""Grafana's configuration is hardened, and its data sources lead to each other. (Grafana itself cannot be built here.)"""

import configparser
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from catalog.log_stores import LogStore, data_sources_for
from catalog.logsql import SEVERITY

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


def _sources(store: LogStore | None) -> dict[str, dict[str, Any]]:
    text = data_sources_for((GRAFANA / "datasources.yaml").read_text(), store)
    return {source["uid"]: source for source in yaml.safe_load(text)["datasources"]}


def _uids(item: Any) -> list[str]:
    if isinstance(item, dict):
        return [value for key, value in item.items() if key == "datasourceUid"] + [
            uid for value in item.values() for uid in _uids(value)
        ]
    return [uid for value in item for uid in _uids(value)] if isinstance(item, list) else []


STORES: tuple[LogStore | None, ...] = ("loki", "victorialogs", None)


@pytest.mark.parametrize("store", STORES)
def test_the_data_sources_are_the_stores_read_only_and_without_credentials(store: LogStore | None) -> None:
    sources, logs = _sources(store), [store] if store else []
    assert list(sources) == ["prometheus", *logs, "jaeger"]
    assert [uid for uid, source in sources.items() if source.get("isDefault")] == ["prometheus"]
    for uid, source in sources.items():
        assert source["type"] == ("victoriametrics-logs-datasource" if uid == "victorialogs" else uid)
        assert source["editable"] is False
        assert source["url"] == f"${{{'LOGS' if uid == store else uid.upper()}_URL}}"
        assert not {"secureJsonData", "basicAuthPassword", "password"} & set(source)


@pytest.mark.parametrize("store", STORES)
def test_every_link_leads_to_a_data_source_that_exists(store: LogStore | None) -> None:
    links = {uid: sorted(_uids(source["jsonData"])) for uid, source in _sources(store).items()}
    to_logs = {store: ["jaeger"]} if store else {}
    assert links == {"prometheus": ["jaeger"], **to_logs, "jaeger": sorted([*to_logs, "prometheus"])}


def test_a_span_leads_to_its_logs_in_the_language_of_their_store() -> None:
    links = {store: _sources(store)["jaeger"]["jsonData"].get("tracesToLogsV2") for store in STORES}
    assert links[None] is None
    assert {store: link["query"] for store, link in links.items() if link} == {
        "loki": '{service_name=~".+"} | trace_id="$${__trace.traceId}"',
        "victorialogs": '{service.name=~".+"} trace_id:="$${__trace.traceId}"',
    }


def test_a_line_of_victorialogs_has_the_colour_of_its_severity_and_leads_to_its_trace() -> None:
    settings = _sources("victorialogs")["victorialogs"]["jsonData"]
    assert settings["otelPreset"]["detection"]["severity"]["field"] == SEVERITY
    (field,) = settings["derivedFields"]
    assert (field["name"], field["matcherType"], field["matcherRegex"]) == ("trace_id", "label", "trace_id")


def test_what_grafana_fills_in_itself_is_escaped_from_the_environment() -> None:
    text = (GRAFANA / "datasources.yaml").read_text()
    assert set(re.findall(r"(?<!\$)\$\{(\w+)\}", text)) == {"PROMETHEUS_URL", "LOGS_URL", "JAEGER_URL"}
    assert re.findall(r"(?<!\$)\$\{__", text) == []


def test_dashboards_come_from_files_alone() -> None:
    (provider,) = yaml.safe_load((GRAFANA / "dashboards.yaml").read_text())["providers"]
    assert provider["allowUiUpdates"] is False
    assert provider["disableDeletion"] is True
    assert provider["options"]["path"] == "/etc/grafana/dashboards"
