"""The Prometheus Operator's objects are judged by the schemas of its own definitions."""

from pathlib import Path
from typing import Any

import pytest

from tests.checkers import checker_inputs
from tests.checkers.manifest_checkers import kubeconform
from tests.support.operator_crds import GROUP, operator_crds

SELECTOR = {"matchLabels": {"app": "x"}}
SOUND: dict[str, tuple[str, dict[str, Any]]] = {
    "PrometheusRule": ("v1", {"groups": [{"name": "x", "rules": [{"alert": "X", "expr": "up == 0", "for": "5m"}]}]}),
    "ServiceMonitor": ("v1", {"selector": SELECTOR, "endpoints": [{"port": "metrics", "interval": "15s"}]}),
    "PodMonitor": ("v1", {"selector": SELECTOR, "podMetricsEndpoints": [{"port": "metrics"}]}),
    "Probe": ("v1", {"prober": {"url": "blackbox:9115"}, "targets": {"staticConfig": {"static": ["http://api:8000"]}}}),
    "AlertmanagerConfig": ("v1alpha1", {"receivers": [{"name": "none"}], "route": {"receiver": "none"}}),
}


def custom(kind: str, **changes: Any) -> dict[str, Any]:
    version, spec = SOUND[kind]
    metadata = {"name": "planted", "namespace": "observability"}
    return {"apiVersion": f"{GROUP}/{version}", "kind": kind, "metadata": metadata, "spec": spec | changes}


def test_every_kind_of_the_operator_has_a_schema(schemas: Path) -> None:
    defined = {path.stem for path in operator_crds().glob(f"{GROUP}_*.yaml")}
    kinds = {path.stem for path in (schemas / GROUP).rglob("*.json") if not path.stem.endswith("list")}

    assert len(kinds) == len(defined) >= len(SOUND)


@pytest.mark.parametrize("kind", SOUND)
def test_a_sound_object_passes_and_a_misspelt_or_mistyped_one_does_not(
    kind: str, schemas: Path, tmp_path: Path
) -> None:
    checker_inputs.write([custom(kind)], tmp_path / "sound")
    checker_inputs.write([custom(kind, selectr={})], tmp_path / "misspelt")
    checker_inputs.write([custom(kind, **{next(iter(SOUND[kind][1])): 5})], tmp_path / "mistyped")
    result = kubeconform(tmp_path, schemas)

    assert len(result.checked) == 3
    assert {(each.stack, each.check) for each in result.findings} == {
        ("misspelt", "invalid"),
        ("mistyped", "invalid"),
    }
