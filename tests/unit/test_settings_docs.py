"""``docs/settings.md`` is the page that the settings make, and says something of each of them."""

import pytest

from settings.introspection import field_at
from settings.markdown import COMMAND, FILE, rendered, secrets, sections

SETTINGS = {setting.key: setting for section in sections() for setting in section.settings}


def test_the_committed_page_is_the_one_that_the_settings_make() -> None:
    assert FILE.read_text() == rendered(), f"the settings have changed: run {COMMAND}"


@pytest.mark.parametrize("key", SETTINGS)
def test_each_setting_has_a_description_of_its_own(key: str) -> None:
    field = field_at(SETTINGS[key].path)
    assert field is not None, f"{key} leads to no field of the model"
    assert field.description, f"{key}: add description=… to its Field in settings/model.py"


def test_each_section_says_what_it_is_about() -> None:
    assert [section.key for section in sections() if section.key and not section.about] == []


def test_settings_and_secrets_at_every_depth_are_listed() -> None:
    assert {
        "atlas:rotation",
        "atlas:collector.replicas",
        "atlas:loki.objectStorage.bucket",
        "atlas:platform.services.<name>.cpu",
        "atlas:platform.backtests[].start",
    } <= SETTINGS.keys()
    assert "atlas:slackWebhookUrl" in secrets()
    assert not secrets().keys() & SETTINGS.keys()


def test_a_row_tells_default_and_whether_a_setting_is_required() -> None:
    assert SETTINGS["atlas:cluster.context"].cells[2:] == ("**required**", "kubeconfig context", "`my-cluster`")
    assert SETTINGS["atlas:collector.volume"].cells[2] == "`2Gi`"
    assert SETTINGS["atlas:prometheus.labels"].cells[2] == '`{"release": "kube-prometheus-stack"}`'
    assert "loki" in SETTINGS["atlas:images"].cells[1]


def test_no_cell_breaks_its_table() -> None:
    rows = [line for line in rendered().splitlines() if line.startswith("|")]
    assert {line.count("|") for line in rows} == {3, 6}
