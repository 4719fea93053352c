"""What has no address is left out of Alertmanager's configuration, and nothing else is."""

import yaml

from catalog.alertmanager_config import without_missing_secrets

TEXT = """\
# a comment
route: {receiver: both}
receivers:
  - name: both
    slack_configs:
      - api_url_file: /etc/alertmanager/secrets/slack-url
        text: &text "{{ .Status }}"
    webhook_configs:
      - url_file: /etc/alertmanager/secrets/first-url
      - url_file: /etc/alertmanager/secrets/second-url
        text: *text
  - name: open
    webhook_configs:
      - url: http://inside/
        http_config: {basic_auth: {password_file: /elsewhere}}
"""
OPEN = {
    "name": "open",
    "webhook_configs": [{"url": "http://inside/", "http_config": {"basic_auth": {"password_file": "/elsewhere"}}}],
}


def test_with_everything_given_the_text_stays_as_it_is() -> None:
    assert without_missing_secrets(TEXT, ["slack-url", "first-url", "second-url", "another"]) == TEXT


def test_one_of_two_integrations_of_a_kind_is_left_out() -> None:
    both, other = yaml.safe_load(without_missing_secrets(TEXT, {"second-url"}))["receivers"]
    assert both == {
        "name": "both",
        "webhook_configs": [{"url_file": "/etc/alertmanager/secrets/second-url", "text": "{{ .Status }}"}],
    }
    assert other == OPEN


def test_a_receiver_with_nothing_left_stays_and_does_nothing() -> None:
    result = yaml.safe_load(without_missing_secrets(TEXT, set()))
    assert result == {"route": {"receiver": "both"}, "receivers": [{"name": "both"}, OPEN]}


def test_the_same_is_written_the_same_whatever_the_order_of_what_is_given() -> None:
    assert without_missing_secrets(TEXT, ["slack-url", "second-url"]) == without_missing_secrets(
        TEXT, ["second-url", "slack-url"]
    )


def test_what_receivers_share_is_written_out_in_each() -> None:
    assert "*" not in without_missing_secrets(TEXT, {"slack-url"})
