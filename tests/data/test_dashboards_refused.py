"""Faulty dashboards: refused before anything is created, all faults at once, each with its position and its fix."""

import json
from pathlib import Path

import pytest

from catalog import CatalogError, load_dashboards

PROMETHEUS = {"type": "prometheus", "uid": "prometheus"}
MODEL = {
    "uid": "example",
    "title": "Example",
    "panels": [{"title": "Up", "datasource": PROMETHEUS, "targets": [{"datasource": PROMETHEUS, "expr": "up"}]}],
}
GOOD = json.dumps(MODEL, indent=2)
MODULE = """\
from grafana_foundation_sdk.builders.dashboard import Dashboard, Row


def dashboard() -> Dashboard:
    return Dashboard("Built").uid("built").with_row(Row("One")).with_row(Row("Two"))
"""


@pytest.fixture
def dashboards(tmp_path: Path) -> Path:
    (tmp_path / "dashboards").mkdir()
    (tmp_path / "dashboards/example.json").write_text(GOOD)
    return tmp_path / "dashboards"


def faults(dashboards: Path) -> list[str]:
    with pytest.raises(CatalogError) as refused:
        load_dashboards(dashboards)
    return str(refused.value).splitlines()


def test_an_exported_file_ships_as_it_stands(dashboards: Path) -> None:
    (file,) = load_dashboards(dashboards)
    assert (file.name, file.uid, file.title, file.text) == ("example.json", "example", "Example", GOOD)


def test_a_module_ships_what_it_builds_with_its_panels_numbered(dashboards: Path) -> None:
    (dashboards / "built.py").write_text(MODULE)
    built = load_dashboards(dashboards)[0]
    assert (built.name, built.uid, built.title) == ("built.json", "built", "Built")
    assert [(panel["id"], panel["title"]) for panel in json.loads(built.text)["panels"]] == [(1, "One"), (2, "Two")]
    assert load_dashboards(dashboards)[0] == built


def test_shared_code_and_hidden_files_are_no_dashboards(dashboards: Path) -> None:
    for name in ("_parts.py", ".swp"):
        (dashboards / name).write_text("not a dashboard")
    (dashboards / "__pycache__").mkdir()
    assert len(load_dashboards(dashboards)) == 1


@pytest.mark.parametrize(
    ("found", "put", "fault"),
    [
        ('"title": "Example",', '"title": "Example"', "dashboards/example.json:4:3: not JSON: Expecting ',' delimiter"),
        (
            '"uid": "example",',
            '"uid": "example",\n  "uid": "b",',
            "dashboards/example.json:3:3: key 'uid' twice in one object",
        ),
        (
            '"expr": "up"',
            '"expr": "up", "expr": "down"',
            "dashboards/example.json:17:25: key 'expr' twice in one object",
        ),
        ('"uid": "example"', '"uid": ""', "dashboards/example.json:2:3: uid ''"),
        ('"uid": "example"', '"uid": "an example"', "dashboards/example.json:2:3: uid 'an example'"),
        ('"uid": "example"', f'"uid": "{"x" * 41}"', "dashboards/example.json:2:3: uid 'x"),
        ('"uid": "example"', '"id": 7', "dashboards/example.json: uid None"),
        ('"title": "Example"', '"title": ""', "dashboards/example.json:3:3: no title"),
        (
            '"uid": "prometheus"',
            '"uid": "mimir"',
            "dashboards/example.json:7:7: panels.0.datasource: unknown data source 'mimir'",
        ),
        (
            '"type": "prometheus"',
            '"type": "loki"',
            "dashboards/example.json:7:7: panels.0.datasource: data source 'prometheus' is no 'loki'",
        ),
        (
            '"uid": "prometheus"',
            '"uid": "${source}"',
            "dashboards/example.json:7:7: panels.0.datasource: unknown data source '${source}'",
        ),
        (
            '"title": "Example",',
            '"title": "Example", "__inputs": [],',
            "dashboards/example.json:3:23: asks for its data sources",
        ),
        (
            '"title": "Example",',
            '"apiVersion": "v2", "spec": {},',
            "dashboards/example.json:3:3: a resource, not a dashboard's JSON model",
        ),
    ],
)
def test_a_fault_is_named_with_its_place(dashboards: Path, found: str, put: str, fault: str) -> None:
    assert found in GOOD
    (dashboards / "example.json").write_text(GOOD.replace(found, put, 1))
    assert [line for line in faults(dashboards) if line.startswith(fault) and "; fix: " in line]


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (
            b"\xef\xbb\xbf" + GOOD.encode(),
            "dashboards/example.json:1:1: begins with a byte order mark; fix: save it as UTF-8 without BOM",
        ),
        (GOOD.encode().replace(b"Up", b"\xdcp"), "dashboards/example.json:6:17: not UTF-8; fix: save it as UTF-8"),
        (
            b"",
            "dashboards/example.json:1:1: not JSON: Expecting value; fix: export the dashboard again, or correct it there",
        ),
        (b"[]", "dashboards/example.json:1:1: not a JSON object; fix: export the dashboard as JSON model"),
        (b'"uid"', "dashboards/example.json:1:1: not a JSON object; fix: export the dashboard as JSON model"),
        (
            b" " * 1024 * 1024 + b"{}",
            "dashboards/example.json: 1048578 bytes, a ConfigMap takes at most 1048576; fix: split the file",
        ),
    ],
    ids=["BOM", "Latin-1", "empty", "a list", "a word", "too large"],
)
def test_a_file_that_cannot_be_a_dashboard_is_named(dashboards: Path, content: bytes, fault: str) -> None:
    (dashboards / "example.json").write_bytes(content)
    assert faults(dashboards) == [fault]


def test_a_dashboard_without_panels_is_refused(dashboards: Path) -> None:
    (dashboards / "example.json").write_text(json.dumps(MODEL | {"panels": []}))
    assert faults(dashboards) == ["dashboards/example.json:1:40: no panels; fix: add at least one panel"]


def test_a_data_source_that_people_choose_is_taken_when_its_variable_is_declared(dashboards: Path) -> None:
    chosen = GOOD.replace('"uid": "prometheus"', '"uid": "${source}"')
    variable = {"list": [{"type": "datasource", "name": "source"}]}
    (dashboards / "example.json").write_text(json.dumps(json.loads(chosen) | {"templating": variable}))
    assert len(load_dashboards(dashboards)) == 1


@pytest.mark.parametrize(
    "source", [None, {"type": "datasource", "uid": "grafana"}, {"uid": "-- Mixed --"}, {"uid": "__expr__"}]
)
def test_grafanas_own_data_sources_are_taken(dashboards: Path, source: object) -> None:
    (dashboards / "example.json").write_text(json.dumps(MODEL | {"panels": [{"title": "x", "datasource": source}]}))
    assert len(load_dashboards(dashboards)) == 1


def test_a_data_source_in_an_annotation_or_a_variable_is_checked_too(dashboards: Path) -> None:
    wrong = {"uid": "elsewhere"}
    more = {
        "annotations": {"list": [{"datasource": wrong}]},
        "templating": {"list": [{"name": "x", "datasource": wrong}]},
    }
    (dashboards / "example.json").write_text(json.dumps(MODEL | more))
    assert len([line for line in faults(dashboards) if "unknown data source 'elsewhere'" in line]) == 2


LINES = {"type": "logs", "title": "Lines", "datasource": {"type": "loki", "uid": "loki"}}
GRID = {"x": 0, "y": 0, "w": 24, "h": 8}


def logs_of(dashboards: Path, expression: str, **target: str) -> None:
    """Make the example a dashboard with one panel of logs."""
    panel = LINES | {"gridPos": GRID, "targets": [{"refId": "A", "expr": expression, **target}]}
    (dashboards / "example.json").write_text(json.dumps(MODEL | {"panels": [panel]}))


def test_an_exported_dashboard_of_logs_is_translated_for_victorialogs(dashboards: Path) -> None:
    logs_of(dashboards, '{service_name="api"}')
    (file,) = load_dashboards(dashboards, "victorialogs")
    (panel,) = json.loads(file.text)["panels"]
    source = {"type": "victoriametrics-logs-datasource", "uid": "victorialogs"}
    assert panel["datasource"] == source
    query = {"refId": "A", "expr": '{service.name="api"}', "queryType": "instant", "editorMode": "code"}
    assert panel["targets"] == [query | {"datasource": source}]


def test_what_loki_alone_can_answer_is_refused_where_victorialogs_is_deployed(dashboards: Path) -> None:
    logs_of(dashboards, '{service_name="api"} | json')
    assert load_dashboards(dashboards, "loki")
    with pytest.raises(CatalogError) as refused:
        load_dashboards(dashboards, "victorialogs")
    assert str(refused.value).startswith(
        "dashboards/example.json: panel 'Lines': 1:28: 'the end' after the label json; fix: "
    )
    logs_of(dashboards, 'sum(rate({service_name="api"}[5m]))', queryType="range")
    with pytest.raises(CatalogError) as refused:
        load_dashboards(dashboards, "victorialogs")
    assert "panel 'Lines': counts 5m at each point of a graph" in str(refused.value)


def test_a_question_to_loki_that_is_no_panels_is_refused_where_victorialogs_is_deployed(dashboards: Path) -> None:
    logs_of(dashboards, '{service_name="api"}')
    variable = {"list": [{"name": "x", "type": "query", "datasource": {"uid": "loki"}}]}
    document = json.loads((dashboards / "example.json").read_text()) | {"templating": variable}
    (dashboards / "example.json").write_text(json.dumps(document))
    assert load_dashboards(dashboards, "loki")
    with pytest.raises(CatalogError) as refused:
        load_dashboards(dashboards, "victorialogs")
    assert "templating.list.0.datasource: unknown data source 'loki'" in str(refused.value)


def test_a_dashboard_of_logs_is_left_out_where_there_is_no_store_of_logs(dashboards: Path) -> None:
    logs_of(dashboards, '{service_name="api"}')
    assert load_dashboards(dashboards, None) == ()


def test_a_query_of_victorialogs_is_taken_where_that_is_deployed_alone(dashboards: Path) -> None:
    logs_of(dashboards, "*")
    text = (dashboards / "example.json").read_text()
    source = {"type": "victoriametrics-logs-datasource", "uid": "victorialogs"}
    (dashboards / "example.json").write_text(text.replace(json.dumps(LINES["datasource"]), json.dumps(source)))
    assert load_dashboards(dashboards, "victorialogs")
    assert [line for line in faults(dashboards) if "unknown data source 'victorialogs'" in line]


def test_two_dashboards_of_one_uid_or_one_title_are_refused(dashboards: Path) -> None:
    (dashboards / "second.json").write_text(GOOD)
    assert faults(dashboards) == [
        "dashboards/second.json:2:3: uid 'example' is taken by dashboards/example.json; fix: give it another uid",
        "dashboards/second.json:3:3: title 'Example' is taken by dashboards/example.json; fix: give it another title",
    ]


def test_a_module_and_a_file_of_one_name_are_refused(dashboards: Path) -> None:
    (dashboards / "example.py").write_text(MODULE)
    assert faults(dashboards) == [
        "dashboards/example.py: example is there as .py and as .json; fix: remove one of the two"
    ]


@pytest.mark.parametrize("name", ["Two Words.json", "under_score.json", "Upper.json", "-x.json"])
def test_a_name_that_a_config_map_cannot_bear_is_refused(dashboards: Path, name: str) -> None:
    (dashboards / "example.json").rename(dashboards / name)
    assert faults(dashboards)[0].startswith(f"dashboards/{name}: its name becomes that of a ConfigMap; fix: ")


@pytest.mark.parametrize(
    ("module", "fault"),
    [
        (
            "x = 1\n",
            "dashboards/built.py: no function dashboard() that returns a Dashboard; fix: define 'def dashboard()",
        ),
        (
            "def dashboard():\n    return {}\n",
            "dashboards/built.py: no function dashboard() that returns a Dashboard; fix: ",
        ),
        (
            "import nothing_like_it\n",
            "dashboards/built.py:1: ModuleNotFoundError: No module named 'nothing_like_it'; fix: ",
        ),
        (
            "def dashboard():\n    x = 1\n    return x / 0\n",
            "dashboards/built.py:3: ZeroDivisionError: division by zero; fix: ",
        ),
        ("def dashboard(:\n", "dashboards/built.py:1:15: SyntaxError: "),
        (MODULE.replace('.uid("built")', ""), "dashboards/built.py: uid None; fix: "),
        (MODULE.replace('"One"', '"x" * 2000000'), "dashboards/built.py: makes 2000"),
        (
            MODULE.replace("Built", "Example"),
            "dashboards/example.json:3:3: title 'Example' is taken by dashboards/built.py; fix: ",
        ),
    ],
    ids=["no function", "no dashboard", "import", "exception", "syntax", "no uid", "too large", "title taken"],
)
def test_a_faulty_module_is_named_with_its_line(dashboards: Path, module: str, fault: str) -> None:
    (dashboards / "built.py").write_text(module)
    (line,) = faults(dashboards)
    assert line.startswith(fault)


def test_all_faults_of_all_files_come_at_once(dashboards: Path) -> None:
    (dashboards / "built.py").write_text("x = 1\n")
    (dashboards / "example.json").write_text(GOOD.replace('"uid": "prometheus"', '"uid": "mimir"'))
    assert len(faults(dashboards)) == 3
