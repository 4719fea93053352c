"""The runbooks: one page an alert, each with what the person on call needs, in the same order."""

import re
from pathlib import Path

import pytest

from catalog import CatalogError, Runbook, load_rules, load_runbooks
from catalog.runbook_queries import with_logsql
from tests.data.promtool import refused
from tests.support.panels import DASHBOARDS

ROOT = Path(__file__).parents[2]
PAGES = load_runbooks(ROOT / "runbooks")
ALERTS = {alert.name: alert for file in load_rules(ROOT / "rules") for alert in file.alerts}
HEADINGS = ["Meaning", "Impact", "Diagnosis", "Mitigation", "Escalation", "Silence"]
BLOCK = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)
NAMES = [page.alert for page in PAGES]
# What a page may point to besides alerts and dashboards: parts of the tools' own pages.
OTHER_PLACES = {"Explore", "Error", "Forget", "ACCESS_REFUSED", "LOADING"}


def blocks(text: str, language: str) -> list[str]:
    return [
        "\n".join(line.strip() for line in body.splitlines()) for kind, body in BLOCK.findall(text) if kind == language
    ]


def test_every_alert_has_a_page_and_every_page_an_alert() -> None:
    assert sorted(NAMES) == sorted(ALERTS)


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_a_page_has_all_headings_in_order(page: Runbook) -> None:
    assert re.findall(r"^## (.+)$", page.text, re.MULTILINE) == HEADINGS


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_line_of_a_page_has_words(page: Runbook) -> None:
    """A sentence that was taken apart letter by letter has lines of one character."""
    assert [line for line in page.text.splitlines() if len(line.strip()) == 1] == []


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_a_page_names_its_alerts_severity(page: Runbook) -> None:
    introduction = page.text.split("## ")[0]
    assert f"Severity: {ALERTS[page.alert].severity}." in introduction


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_a_page_gives_commands_to_copy(page: Runbook) -> None:
    checks = page.text.split("## Diagnosis")[1].split("## Mitigation")[0]
    assert blocks(checks, "sh") + blocks(checks, "promql")
    assert {kind for kind, _ in BLOCK.findall(page.text)} <= {"sh", "promql", "logql", "logsql"}
    assert page.text.count("```") == 2 * len(BLOCK.findall(page.text)), "a block is not closed"


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_a_page_tells_how_to_silence_its_own_alert(page: Runbook) -> None:
    silence = page.text.split("## Silence")[1]
    if page.alert == "Watchdog":
        assert "Never" in silence
    else:
        assert f"amtool silence add alertname={page.alert} " in silence
        assert "--duration=" in silence
        assert "--comment=" in silence


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_the_alerts_and_dashboards_that_a_page_points_to_exist(page: Runbook) -> None:
    titles = {dashboard["title"] for dashboard in DASHBOARDS.values()} | OTHER_PLACES
    emphasised = set(re.findall(r"(?<!\*)\*([A-Z][\w ]+)\*(?!\*)", page.text))
    assert {word for word in emphasised if word not in titles and word not in ALERTS} <= {"p95 by service"}


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_a_page_has_each_query_of_logs_in_both_languages(page: Runbook) -> None:
    """A difference: run `make schema`."""
    assert with_logsql(page.text) == page.text


def test_a_query_of_logs_is_written_in_both_languages() -> None:
    loki = '1. Look:\n   ```logql\n   {service_name="api"} |= "a.b"\n   ```\n2. Next\n'
    both = with_logsql(loki)
    block = '   In VictoriaLogs:\n   ```logsql\n   {service.name="api"} *"a.b"*\n   ```\n'
    assert both == loki.replace("2. Next", f"{block}2. Next")
    assert with_logsql(both) == both
    assert with_logsql(both.replace('{service.name="api"}', "outdated")) == both


def test_prometheus_parses_every_query_of_the_pages(tmp_path: Path) -> None:
    queries = [query for page in PAGES for query in blocks(page.text, "promql")]
    assert len(queries) > 20
    assert refused(queries, tmp_path) == []


def test_a_page_whose_heading_is_not_its_alert_is_refused(tmp_path: Path) -> None:
    (tmp_path / "One.md").write_text("# Another\n")
    (tmp_path / "Two.txt").write_text("# Two\n")
    with pytest.raises(CatalogError) as refused:
        load_runbooks(tmp_path)
    assert str(refused.value).splitlines() == [
        f"{tmp_path.name}/One.md:1:1: begins with '# Another'; fix: begin it with '# One'",
        f"{tmp_path.name}/Two.txt: nothing picks this up; fix: name it <name>.md, or move it elsewhere",
    ]
