"""Overlays add to the gateway's configuration, and lose nothing of it or of each other."""

import yaml

from catalog.collector_config import count_persistent_queues, merge_configs

BASE = """\
# a comment
exporters:
  first:
    endpoint: ${env:ENDPOINT}
    sending_queue: {queue_size: 5, batch: {min_size: 1, max_size: 9}}
  plain:
service:
  extensions: [health]
  pipelines:
    logs: {receivers: [otlp], processors: [a, b], exporters: [first]}
"""
ONE = """\
exporters:
  second: {sending_queue: {queue_size: 1}}
service:
  extensions: [one]
  pipelines:
    logs: {exporters: [second]}
"""
OTHER = """\
exporters:
  first: {sending_queue: {batch: {max_size: 4}}}
  plain:
service:
  extensions: [other, health]
  pipelines:
    logs: {processors: [c]}
    more: {receivers: [otlp], exporters: [first]}
"""


def test_alone_the_text_stays_as_it_is() -> None:
    assert merge_configs([BASE]) == BASE


def test_what_overlays_add_to_is_joined_and_the_rest_is_replaced() -> None:
    assert yaml.safe_load(merge_configs([BASE, ONE, OTHER])) == {
        "exporters": {
            "first": {
                "endpoint": "${env:ENDPOINT}",
                "sending_queue": {"queue_size": 5, "batch": {"min_size": 1, "max_size": 4}},
            },
            "plain": None,
            "second": {"sending_queue": {"queue_size": 1}},
        },
        "service": {
            "extensions": ["health", "one", "other"],
            "pipelines": {
                "logs": {"receivers": ["otlp"], "processors": ["c"], "exporters": ["first", "second"]},
                "more": {"receivers": ["otlp"], "exporters": ["first"]},
            },
        },
    }


def test_an_empty_section_of_an_overlay_takes_nothing_away() -> None:
    assert yaml.safe_load(merge_configs([BASE, "exporters:\n  first:\nservice:\n"])) == yaml.safe_load(BASE)


def test_what_no_pipeline_uses_any_more_is_left_out() -> None:
    base = "processors: {a: {}, b: {}}\n" + BASE
    assert yaml.safe_load(merge_configs([base, OTHER, "processors: {c: {}}"]))["processors"] == {"c": {}}
    assert yaml.safe_load(merge_configs([base, ONE]))["processors"] == {"a": {}, "b": {}}


def test_an_overlay_can_put_a_receiver_in_anothers_place() -> None:
    base = "receivers: {otlp: {}}\n" + BASE
    overlay = "receivers: {files: {}}\nservice: {pipelines: {logs: {receivers: [-otlp, files]}}}"
    merged = yaml.safe_load(merge_configs([base, overlay]))
    assert merged["receivers"] == {"files": {}}
    assert merged["service"]["pipelines"]["logs"]["receivers"] == ["files"]


def test_an_extension_that_is_taken_out_is_asked_for_by_nobody() -> None:
    base = "extensions: {health: {}, split: {}}\n" + BASE.replace(
        "  plain:\n", "  plain: {middlewares: [{id: split}]}\n"
    )
    kept = yaml.safe_load(merge_configs([base, "service: {extensions: [split]}"]))
    assert kept["exporters"]["plain"] == {"middlewares": [{"id": "split"}]}
    left = yaml.safe_load(merge_configs([base, "service: {extensions: [split]}", "service: {extensions: [-split]}"]))
    assert left["extensions"] == {"health": {}}
    assert left["exporters"]["plain"] == {"middlewares": []}


def test_the_same_texts_give_the_same_text() -> None:
    assert merge_configs([BASE, ONE, OTHER]) == merge_configs([BASE, ONE, OTHER])


def test_every_exporter_with_a_queue_counts() -> None:
    assert (count_persistent_queues(BASE), count_persistent_queues(merge_configs([BASE, ONE]))) == (1, 2)
