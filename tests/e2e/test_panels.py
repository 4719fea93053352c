"""Every query of every dashboard is answered by data of the running stack, or declared empty with the reason."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from catalog.log_stores import TITLES
from tests.e2e.running_stack import RunningStack, awaited
from tests.e2e.workload_pods import applied, pod
from tests.support.panels import Target, panels, targets
from tests.support.promql import filled

EMPTY = yaml.safe_load((Path(__file__).parent / "empty_panels.yaml").read_text())
TARGETS = {(each.panel.name, each.expr): each for store in TITLES for each in targets("prometheus", store)}
TARGETS |= {(each.panel.name, each.expr): each for each in targets("loki")}
"""Queries of logs are those of Loki, which the log store that is deployed is asked in its own language."""
LOOK_BACK = 1800
STEP = 15


@pytest.fixture(scope="module")
def unwell(busy: RunningStack) -> Iterator[RunningStack]:
    """The busy stack with a pod that waits for its image and a Job that has failed: some panels list just such."""
    waiting = pod(busy, "waits", "trading", "")
    waiting["spec"]["containers"][0]["image"] = "nowhere.invalid/none:none"
    failing = pod(busy, "fails", "trading", "raise SystemExit(1)")
    template = {"metadata": {"labels": failing["metadata"]["labels"]}, "spec": failing["spec"]}
    spec = {"backoffLimit": 0, "template": template}
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": failing["metadata"], "spec": spec}
    with applied(busy, waiting, job):
        awaited(lambda: busy.metrics('ALERTS{alertname="JobFailed"}'), 120, "the alert of the Job that fails")
        yield busy


def answered(stack: RunningStack, target: Target) -> int:
    """How many series, or streams, the panel would show for the last half hour."""
    now = time.time()
    if target.source == "loki":
        return stack.log_store.drawn(target.expr, now - LOOK_BACK, now, STEP)
    bounds = {"start": str(int(now - LOOK_BACK)), "end": str(int(now)), "step": str(STEP)}
    answer = stack.ask("prometheus", "/api/v1/query_range", query={"query": filled(target.expr), **bounds})
    assert answer.status == 200, f"{filled(target.expr)}\n{answer.text}"
    return len(answer.json["data"]["result"])


@pytest.mark.parametrize("target", TARGETS.values(), ids=lambda each: f"{each.panel.name} {each.legend}")
def test_a_panel_shows_something(unwell: RunningStack, target: Target) -> None:
    store = unwell.log_store.store
    if target.panel.name not in {panel.name for panel in panels(store)}:
        pytest.skip(f"{TITLES[store]} is deployed")
    if target.panel.name in EMPTY:
        answered(unwell, target)
    else:
        awaited(lambda: answered(unwell, target), 60, json.dumps(filled(target.expr)))


def test_what_is_declared_empty_is_a_panel() -> None:
    assert EMPTY.keys() <= {target.panel.name for target in TARGETS.values()}
    assert all(EMPTY.values())
